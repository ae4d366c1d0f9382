import { describe, expect, it } from '@jest/globals';

import { AdaptiveLimit } from './adaptive-limit.js';

/** A dependency that works on so many at once; more than that wait for each other. */
function load(limit: AdaptiveLimit, places: number, attempts: number, wanted = Infinity): void {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const inUse = Math.min(limit.limit, wanted);
    limit.sample(20 * Math.max(1, inUse / places), inUse);
  }
}

describe('A limit that adapts', () => {
  it('grows while attempts take as long as usual, up to its maximum', () => {
    const limit = new AdaptiveLimit(1, 50, 5);

    load(limit, 1_000, 10_000);

    expect(limit.limit).toBe(50);
  });

  it('stays near what the dependency can do at once', () => {
    const limit = new AdaptiveLimit(1, 200, 10);

    load(limit, 20, 300);

    expect(limit.limit).toBeGreaterThanOrEqual(15);
    expect(limit.limit).toBeLessThanOrEqual(60);
  });

  it('shrinks when attempts take longer than usual, but never below its minimum, and grows again', () => {
    const limit = new AdaptiveLimit(4, 50, 20);
    load(limit, 1_000, 1_000);

    for (let attempt = 0; attempt < 500; attempt++) limit.sample(400, limit.limit);
    expect(limit.limit).toBeLessThan(25);
    const usual = new AdaptiveLimit(4, 50, 20);
    for (let growing = 1; growing < 1e9; growing *= 2)
      for (let attempt = 0; attempt < 50; attempt++) usual.sample(growing, usual.limit);
    expect(usual.limit).toBe(4);

    load(limit, 1_000, 3_000);
    expect(limit.limit).toBe(50);
  });

  it('learns nothing about more places from fewer than half of them', () => {
    const limit = new AdaptiveLimit(1, 100, 20);

    load(limit, 1_000, 10_000, 9);

    expect(limit.limit).toBe(20);
  });

  it('begins within its bounds', () => {
    expect([new AdaptiveLimit(5, 10, 1).limit, new AdaptiveLimit(5, 10, 25).limit]).toEqual([5, 10]);
  });
});
