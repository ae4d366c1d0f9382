import { describe, expect, it } from '@jest/globals';

import { seededRandom } from '../../testing/seeded-random.js';
import { applyJitter, type Jitter } from './jitter.js';
import { type BackoffName, createBackoff } from './strategy.js';

const LOW = (): number => 0;
const HALF = (): number => 0.5;
const DELAY = { baseMs: 100, previousMs: 0, maxMs: Infinity };
const HIGH = (): number => 1 - Number.EPSILON;

describe('the delay before the n-th retry', () => {
  it.each<[BackoffName, multiplier: number, delays: number[]]>([
    ['exponential', 2, [100, 200, 400, 800, 1600, 3200]],
    ['exponential', 3, [100, 300, 900, 2700, 8100, 24_300]],
    ['exponential', 1, [100, 100, 100, 100, 100, 100]],
    ['linear', 2, [100, 200, 300, 400, 500, 600]],
    ['fibonacci', 2, [100, 100, 200, 300, 500, 800]],
    ['constant', 2, [100, 100, 100, 100, 100, 100]],
    ['immediate', 2, [0, 0, 0, 0, 0, 0]],
  ])('%s with multiplier %d', (name, multiplier, delays) => {
    const backoff = createBackoff(name, 100, multiplier);

    expect([1, 2, 3, 4, 5, 6].map((retry) => backoff(retry, undefined))).toEqual(delays);
  });

  it.each<BackoffName>(['exponential', 'linear', 'fibonacci', 'constant', 'immediate'])(
    '%s stays a number however many retries there were, even from a base of 0',
    (name) => {
      for (const base of [0, 500]) {
        for (const retry of [50, 1025, 10_000]) {
          const delay = createBackoff(name, base, 2)(retry, undefined);

          expect(Number.isFinite(delay)).toBe(true);
          expect(delay).toBeGreaterThanOrEqual(0);
          if (base === 0) expect(delay).toBe(0);
        }
      }
    },
  );

  it('is your own function’s answer, in milliseconds or with a unit', () => {
    const seen: unknown[] = [];
    const failure = new Error('x');
    const backoff = createBackoff(
      (retry, error) => {
        seen.push(retry, error);
        return retry === 1 ? '2s' : retry === 2 ? 5 : false;
      },
      100,
      2,
    );

    expect([1, 2, 3].map((retry) => backoff(retry, failure))).toEqual([2000, 5, false]);
    expect(seen).toEqual([1, failure, 2, failure, 3, failure]);
  });

  it.each([NaN, -1, 'soon', null, true])('refuses an own function’s answer of %p', (answer) => {
    const backoff = createBackoff((() => answer) as never, 100, 2);

    expect(() => backoff(1, undefined)).toThrow(/retry strategy answered .*must return a duration >= 0 or false/);
  });
});

describe('jitter of a delay of 1000 ms, base 100 ms, after 400 ms', () => {
  it.each<[Jitter, low: number, half: number, high: number]>([
    ['full', 0, 500, 1000],
    ['equal', 500, 750, 1000],
    ['decorrelated', 100, 650, 1200],
    ['none', 1000, 1000, 1000],
    [0.2, 1000, 1100, 1200],
    [0, 1000, 1000, 1000],
  ])('%p runs from %d over %d to %d', (jitter, low, half, high) => {
    const delayWith = (random: () => number): number =>
      applyJitter(jitter, { ...DELAY, rawMs: 1000, previousMs: 400 }, random);

    expect([LOW, HALF, HIGH].map(delayWith)).toEqual([
      expect.closeTo(low, 6),
      expect.closeTo(half, 6),
      expect.closeTo(high, 6),
    ]);
  });

  it('decorrelated starts between base and three times the base', () => {
    expect([LOW, HIGH].map((random) => applyJitter('decorrelated', { ...DELAY, rawMs: 100 }, random))).toEqual([
      100,
      expect.closeTo(300, 6),
    ]);
  });

  it('full spreads evenly', () => {
    const random = seededRandom(11);
    const delays = Array.from({ length: 10_000 }, () => applyJitter('full', { ...DELAY, rawMs: 1000 }, random));

    expect(delays.reduce((sum, delay) => sum + delay, 0) / delays.length).toBeCloseTo(500, -1.5);
    expect(Math.min(...delays)).toBeLessThan(10);
    expect(Math.max(...delays)).toBeGreaterThan(990);
  });
});

describe('jitter of a delay of 5000 ms under a cap of 1000 ms, base 100 ms, after 900 ms', () => {
  it.each<[Jitter, low: number, half: number, high: number]>([
    ['full', 0, 500, 1000],
    ['equal', 500, 750, 1000],
    ['decorrelated', 100, 550, 1000],
    ['none', 1000, 1000, 1000],
    [0.2, 1000, 1000, 1000],
  ])('%p is drawn from what the cap leaves: from %d over %d to %d', (jitter, low, half, high) => {
    const delay = { rawMs: 5000, baseMs: 100, previousMs: 900, maxMs: 1000 };

    expect([LOW, HALF, HIGH].map((random) => applyJitter(jitter, delay, random))).toEqual([
      expect.closeTo(low, 6),
      expect.closeTo(half, 6),
      expect.closeTo(high, 6),
    ]);
  });

  it.each<Jitter>(['full', 'equal', 'decorrelated'])('%p: late retries do not crowd at the cap', (jitter) => {
    const random = seededRandom(5);
    const delays = Array.from({ length: 1000 }, () =>
      applyJitter(jitter, { rawMs: 1e9, baseMs: 100, previousMs: 1000, maxMs: 1000 }, random),
    );

    expect(delays.filter((delay) => delay > 990).length).toBeLessThan(50);
    expect(Math.max(...delays)).toBeLessThanOrEqual(1000);
  });

  it.each<Jitter>(['full', 'equal', 'decorrelated', 'none', 0.5])('%p never exceeds a cap below the base', (jitter) => {
    const delay = { rawMs: 100, baseMs: 100, previousMs: 0, maxMs: 30 };

    for (const random of [LOW, HALF, HIGH]) expect(applyJitter(jitter, delay, random)).toBeLessThanOrEqual(30);
  });
});
