import { describe, expect, it } from '@jest/globals';
import { priceOf } from './price-of.js';
import { listPriceOf, PRICE_TABLE } from './price-table.js';

const mine = { inputPerMillion: 7, outputPerMillion: 8 };
const other = { inputPerMillion: 9, outputPerMillion: 9 };
const target = (more: object = {}) => ({ name: 'main', kind: 'openai' as const, model: 'gpt-4o-mini', ...more });

describe('the price of a target', () => {
  it('is its own before any other', () => {
    expect(priceOf(target({ cost: mine }), { 'gpt-4o-mini': other })).toBe(mine);
  });

  it.each<[string, Parameters<typeof priceOf>[1]]>([
    ['its model', { 'gpt-4o-mini': mine }],
    ['its provider and model', { 'gpt-4o-mini': other, 'main:gpt-4o-mini': mine }],
    ['the beginning of its model', { 'gpt-*': mine, '*': other }],
    ['the longest beginning', { '*': other, 'gpt-*': other, 'gpt-4o-*': mine }],
    ['any model of its provider', { 'main:*': mine, 'gpt-4': other }],
  ])('is the one that is given for %s', (_, prices) => {
    expect(priceOf(target(), prices)).toBe(mine);
  });

  it('is the list price of the vendor, also of a snapshot of the model', () => {
    expect(priceOf(target(), undefined)).toMatchObject({ inputPerMillion: 0.15, cachedInputPerMillion: 0.075 });
    expect(listPriceOf('gpt-4o-mini-2024-07-18')).toBe(listPriceOf('gpt-4o-mini'));
    expect(listPriceOf('claude-haiku-4-5-20251001')).toMatchObject({ outputPerMillion: 5, cacheWritePerMillion: 1.25 });
    expect(listPriceOf('gpt-4o-2024-05-13')).toMatchObject({ inputPerMillion: 5 });
  });

  it('is not known where nobody told it', () => {
    expect(priceOf(target({ model: 'gpt-99' }), {})).toBeUndefined();
    expect(priceOf(target({ kind: 'openai-compatible' }), undefined)).toBeUndefined();
    expect(priceOf(target(), false)).toBeUndefined();
    expect(listPriceOf('gpt-4o-audio-preview')).toBeUndefined();
  });
});

describe('the table of list prices', () => {
  it('has each model once, and says when and where it was looked up', () => {
    const models = PRICE_TABLE.flatMap((row) => row.models);

    expect(new Set(models).size).toBe(models.length);
    for (const { date, source, cost } of PRICE_TABLE) {
      expect([date, source]).toEqual([expect.stringMatching(/^\d{4}-\d{2}-\d{2}$/), expect.stringContaining('.')]);
      expect(cost.cachedInputPerMillion ?? 0).toBeLessThan(cost.inputPerMillion);
    }
  });
});
