import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '@nest-resilience/core/testing';
import { estimateTokens, TargetLimits } from './target-limits.js';

describe('the limits of a target', () => {
  it('let a minute’s worth through at once and then one request per share of the minute', async () => {
    const clock = new FakeClock();
    const limits = new TargetLimits({ requestsPerMinute: 2 }, clock);
    limits.take(0);
    limits.take(0);

    expect(limits.waitMs(0)).toBe(30_000);
    await clock.advance('30s');
    expect(limits.waitMs(0)).toBe(0);
  });

  it('reserve estimated tokens and settle with what was used', () => {
    const limits = new TargetLimits({ tokensPerMinute: 600 }, new FakeClock());
    const settle = limits.take(500);

    expect(limits.waitMs(200)).toBe(10_000);
    settle(300);
    expect(limits.waitMs(200)).toBe(0);
  });

  it('let a request that is larger than a minute’s worth through when the bucket is full', async () => {
    const clock = new FakeClock();
    const limits = new TargetLimits({ tokensPerMinute: 100 }, clock);

    expect(limits.waitMs(1000)).toBe(0);
    limits.take(1000)(1000);
    await clock.advance('5m');
    expect(limits.waitMs(1)).toBeGreaterThan(0);
  });

  it('do not exist unless configured', () => {
    const limits = new TargetLimits(undefined, new FakeClock());
    limits.take(1_000_000);

    expect(limits.waitMs(1_000_000)).toBe(0);
  });

  it('estimate four characters a token, and an answer of the allowed length', () => {
    expect(estimateTokens([{ role: 'user', content: 'x'.repeat(400) }], 50)).toBe(150);
  });
});
