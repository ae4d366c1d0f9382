import type { Random } from '../../engine/random.js';

/** `'full'` 0..d, `'equal'` d/2..d, `'decorrelated'` base..3x the delay before, `'none'`, or r: adds 0..r*d. */
export type Jitter = 'full' | 'equal' | 'decorrelated' | 'none' | number;

export const JITTER_NAMES = ['full', 'equal', 'decorrelated', 'none'] as const;

/**
 * Formulas: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 * @param previousMs the delay before this one, 0 for the first
 */
export function applyJitter(
  jitter: Jitter,
  delayMs: number,
  baseMs: number,
  previousMs: number,
  random: Random,
): number {
  if (typeof jitter === 'number') return delayMs + random() * jitter * delayMs;
  switch (jitter) {
    case 'full':
      return random() * delayMs;
    case 'equal':
      return delayMs / 2 + (random() * delayMs) / 2;
    case 'decorrelated':
      return baseMs + random() * (Math.max(baseMs, previousMs) * 3 - baseMs);
    case 'none':
      return delayMs;
  }
}
