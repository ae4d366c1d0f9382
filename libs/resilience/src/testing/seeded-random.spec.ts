import { describe, expect, it } from '@jest/globals';
import { seededRandom } from './seeded-random.js';

const take = (count: number, seed?: number) => Array.from({ length: count }, seededRandom(seed));

describe('seededRandom', () => {
  it('repeats with the same seed and differs with another', () => {
    expect(take(100, 7)).toEqual(take(100, 7));
    expect(take(100)).toEqual(take(100, 1));
    expect(take(100, 7)).not.toEqual(take(100, 8));
  });

  it('spreads evenly over [0, 1)', () => {
    const values = take(100_000, 42);
    const tenths = new Array<number>(10).fill(0);

    for (const value of values) tenths[Math.floor(value * 10)]! += 1;

    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    for (const count of tenths) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });
});
