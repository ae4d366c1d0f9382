import type { Random } from '../engine/random.js';

/**
 * Chance that repeats: the same seed always gives the same numbers, evenly spread over [0, 1).
 * The generator is mulberry32 (32 bits of state): good for jitter and test data, useless for secrets.
 */
export function seededRandom(seed = 1): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
