import { describe, expect, it } from '@jest/globals';

import { CallStats } from './call-stats.js';

describe('The counts of a method', () => {
  it('are those of calls: how they ended, and whether they were retried', () => {
    const stats = new CallStats();

    stats.finish(true, 1, 10);
    stats.finish(true, 3, 10);
    stats.finish(false, 1, 10);
    stats.finish(false, 2, 10);
    stats.finish(false, 2, 10);

    expect(stats).toMatchObject({
      successfulWithoutRetry: 1,
      successfulWithRetry: 1,
      failedWithoutRetry: 1,
      failedWithRetry: 2,
      attempts: 9,
      total: 5,
    });
  });

  it('take hedged attempts for no retry', () => {
    const stats = new CallStats();

    stats.finish(true, 2, 10, false);
    stats.finish(true, 1, 10, true);

    expect(stats).toMatchObject({ successfulWithoutRetry: 1, successfulWithRetry: 1, attempts: 3 });
  });

  it('count fallbacks by their level', () => {
    const stats = new CallStats();

    for (const level of [3, 1, 3]) stats.fellBack(level);

    expect(stats.fallbacksByLevel).toEqual([1, 0, 2]);
    expect(stats.fallbacks).toBe(3);
  });

  it('make rates and quantiles of whole calls', () => {
    const stats = new CallStats();
    for (let call = 1; call <= 100; call++) stats.finish(call > 10, call > 80 ? 2 : 1, call);
    stats.fellBack(1);

    expect(stats.snapshot()).toEqual({
      total: 100,
      successful: 90,
      failed: 10,
      successRate: 0.9,
      retryRate: 0.2,
      averageAttempts: 1.2,
      fallbacks: 1,
      p50: expect.closeTo(50, -0.7),
      p95: expect.closeTo(95, -0.9),
      p99: expect.closeTo(99, -0.9),
    });
  });

  it('of no call are a method that works', () => {
    expect(new CallStats().snapshot()).toEqual({
      total: 0,
      successful: 0,
      failed: 0,
      successRate: 1,
      retryRate: 0,
      averageAttempts: 0,
      fallbacks: 0,
      p50: 0,
      p95: 0,
      p99: 0,
    });
  });
});
