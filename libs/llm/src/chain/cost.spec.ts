import { describe, expect, it } from '@jest/globals';
import { costOf, estimatedUsage, sumOfCosts } from './cost.js';

const MILLION = 1_000_000;
const PRICES = { inputPerMillion: 10, outputPerMillion: 100 };

describe('the cost of an answer', () => {
  it('is that of its tokens', () => {
    const usage = { inputTokens: 2 * MILLION, outputTokens: MILLION, totalTokens: 3 * MILLION };

    expect(costOf(usage, PRICES)).toBe(120);
  });

  it.each([
    ['cached input', { cachedInputPerMillion: 1 }, 10 + 1 + 10 + 200],
    ['input that goes into the cache', { cacheWritePerMillion: 20 }, 10 + 10 + 20 + 200],
    ['thoughts', { reasoningPerMillion: 50 }, 30 + 100 + 50],
    ['nothing of its own', {}, 30 + 200],
  ])('has another price for %s', (_, further, expected) => {
    const usage = {
      ...{ inputTokens: 3 * MILLION, outputTokens: 2 * MILLION, totalTokens: 5 * MILLION },
      ...{ cachedInputTokens: MILLION, cacheWriteTokens: MILLION, reasoningTokens: MILLION },
    };

    expect(costOf(usage, { ...PRICES, ...further })).toBeCloseTo(expected, 9);
  });

  it('is not known without a price, unless there is nothing to pay for', () => {
    const usage = { inputTokens: 1, outputTokens: 1, totalTokens: 2 };

    expect(costOf(usage, undefined)).toBeUndefined();
    expect(costOf({ inputTokens: 0, outputTokens: 0, totalTokens: 0 }, undefined)).toBe(0);
    expect([sumOfCosts([1, 2]), sumOfCosts([1, undefined]), sumOfCosts([])]).toEqual([3, undefined, 0]);
  });

  it('is estimated where nothing was counted, and says so', () => {
    expect(estimatedUsage([{ role: 'user', content: [{ type: 'text', text: 'x'.repeat(40) }] }], 8)).toEqual({
      ...{ inputTokens: 10, outputTokens: 2, totalTokens: 12, estimated: true },
    });
  });
});
