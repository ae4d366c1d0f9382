import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { seededRandom } from '../testing/seeded-random.js';
import { DurationHistogram } from './duration-histogram.js';

const filled = (durations: readonly number[]): DurationHistogram => {
  const histogram = new DurationHistogram();
  for (const duration of durations) histogram.record(duration);
  return histogram;
};

const exactQuantile = (durations: readonly number[], q: number): number => {
  const sorted = durations.toSorted((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1] ?? 0;
};

describe('DurationHistogram', () => {
  it('is empty at first', () => {
    const histogram = new DurationHistogram();

    expect(histogram).toMatchObject({ count: 0, sum: 0 });
    expect([0, 0.5, 1].map((q) => histogram.quantile(q))).toEqual([0, 0, 0]);
    expect(histogram.cumulative([1, 10])).toEqual([0, 0]);
  });

  it('keeps count and sum exactly', () => {
    expect(filled([1.5, 2.5, 1000])).toMatchObject({ count: 3, sum: 1004 });
  });

  it('keeps every quantile within 7 % of the exact one, from 10 µs to 30 minutes', () => {
    const durations = fc.array(fc.double({ min: 0.01, max: 1_800_000, noNaN: true }), { minLength: 1, maxLength: 200 });

    fc.assert(
      fc.property(durations, fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
        const exact = exactQuantile(values, q);
        expect(Math.abs(filled(values).quantile(q) - exact)).toBeLessThanOrEqual(exact * 0.07 + 0.001);
      }),
      { numRuns: 500 },
    );
  });

  it('finds p50, p95 and p99 of a long tail', () => {
    const random = seededRandom(3);
    const durations = Array.from({ length: 20_000 }, () => -Math.log(1 - random()) * 80);

    const histogram = filled(durations);

    for (const q of [0.5, 0.95, 0.99]) {
      const exact = exactQuantile(durations, q);
      expect(Math.abs(histogram.quantile(q) / exact - 1)).toBeLessThan(0.07);
    }
  });

  it('never goes down from one quantile to the next', () => {
    const histogram = filled([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5]);
    const quantiles = Array.from({ length: 101 }, (_, i) => histogram.quantile(i / 100));

    expect(quantiles).toEqual(quantiles.toSorted((a, b) => a - b));
  });

  it.each([0, -5, Number.MIN_VALUE])('takes %p ms for nothing', (duration) => {
    expect(filled([duration]).quantile(1)).toBeLessThan(0.001);
  });

  it.each([2_147_484, 1e12, Infinity])('keeps %p ms in its last bucket, beyond 35 minutes', (duration) => {
    const histogram = filled([duration]);

    expect(histogram.quantile(0.5)).toBeGreaterThan(1_900_000);
    expect(histogram.cumulative([Infinity])).toEqual([1]);
  });

  it('counts cumulatively, as Prometheus reads it', () => {
    const histogram = filled([0.4, 4, 40, 400, 4000]);

    expect(histogram.cumulative([1, 10, 100, 1000, 10_000])).toEqual([1, 2, 3, 4, 5]);
  });
});
