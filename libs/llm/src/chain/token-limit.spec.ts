import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '@nest-resilience/core/testing';
import { estimateTokens, TokenLimit } from './token-limit.js';

describe('the token limit of a target', () => {
  it('lets a minute’s worth through at once and refills evenly', async () => {
    const clock = new FakeClock();
    const limit = new TokenLimit(600, clock);
    limit.take(600);

    expect(limit.waitMs(300)).toBe(30_000);
    await clock.advance('30s');
    expect(limit.waitMs(300)).toBe(0);
  });

  it('reserves estimated tokens and settles with what was used', () => {
    const limit = new TokenLimit(600, new FakeClock());
    const settle = limit.take(500);

    expect(limit.waitMs(200)).toBe(10_000);
    settle(300);
    expect(limit.waitMs(200)).toBe(0);
  });

  it('goes into debt for what was used beyond the estimate', () => {
    const limit = new TokenLimit(600, new FakeClock());

    limit.take(500)(900);

    expect(limit.waitMs(1)).toBeCloseTo(30_100);
  });

  it('lets a request that is larger than a minute’s worth through when the bucket is full', async () => {
    const clock = new FakeClock();
    const limit = new TokenLimit(100, clock);

    expect(limit.waitMs(1000)).toBe(0);
    limit.take(1000)(1000);
    await clock.advance('5m');
    expect(limit.waitMs(1)).toBeGreaterThan(0);
  });

  it('does not exist unless configured', () => {
    const limit = new TokenLimit(undefined, new FakeClock());
    limit.take(1_000_000);

    expect(limit.waitMs(1_000_000)).toBe(0);
  });

  it('estimates four characters a token, and an answer of the allowed length', () => {
    expect(estimateTokens([{ role: 'user', content: [{ type: 'text', text: 'x'.repeat(400) }] }], 50)).toBe(150);
  });
});
