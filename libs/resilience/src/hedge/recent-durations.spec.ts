import { describe, expect, it } from '@jest/globals';

import { RecentDurations } from './recent-durations.js';

function recorded(...durations: number[]): RecentDurations {
  const recent = new RecentDurations();
  for (const duration of durations) recent.record(duration);
  return recent;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

describe('RecentDurations', () => {
  it('says nothing before it has seen 20', () => {
    const recent = recorded(...upTo(19));

    expect(recent.quantile(0.5)).toBeUndefined();
    recent.record(20);

    expect(recent.quantile(0.5)).toBe(10);
  });

  it.each([
    [0.95, 95],
    [0.5, 50],
    [0.001, 1],
    [0.999, 100],
  ])('finds the quantile %d of 1 to 100, in any order', (q, expected) => {
    expect(recorded(...upTo(100).reverse()).quantile(q)).toBe(expected);
  });

  it('forgets all but the last 128', () => {
    const recent = recorded(...Array.from({ length: 1000 }, () => 9999), ...upTo(128));

    expect(recent.quantile(0.999)).toBe(128);
    expect(recent.quantile(0.001)).toBe(1);
  });

  it('sorts again only after 16 more', () => {
    const recent = recorded(...upTo(20));
    expect(recent.quantile(0.999)).toBe(20);

    for (let more = 0; more < 15; more++) recent.record(500);
    expect(recent.quantile(0.999)).toBe(20);
    recent.record(500);

    expect(recent.quantile(0.999)).toBe(500);
  });
});
