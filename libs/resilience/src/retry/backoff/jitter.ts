import type { Random } from '../../engine/random.js';

/** `'full'` 0..d, `'equal'` d/2..d, `'decorrelated'` base..3x the delay before, `'none'`, or r: adds 0..r*d. */
export type Jitter = 'full' | 'equal' | 'decorrelated' | 'none' | number;

export const JITTER_NAMES = ['full', 'equal', 'decorrelated', 'none'] as const;

/** What a delay is drawn from, in milliseconds. */
export interface DelayToJitter {
  /** What the strategy answered. */
  readonly rawMs: number;
  readonly baseMs: number;
  /** The delay before this one, 0 for the first. */
  readonly previousMs: number;
  /** No delay is longer. */
  readonly maxMs: number;
}

/**
 * Capped first, then drawn, so that late retries are spread below the cap instead of crowding at it. A number adds, then caps.
 * Formulas: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015; of a number: GraphBit's retries.
 */
export function applyJitter(
  jitter: Jitter,
  { rawMs, baseMs, previousMs, maxMs }: DelayToJitter,
  random: Random,
): number {
  if (typeof jitter === 'number') return Math.min(maxMs, rawMs + random() * jitter * rawMs);
  const cappedMs = Math.min(maxMs, rawMs);
  switch (jitter) {
    case 'full':
      return random() * cappedMs;
    case 'equal':
      return cappedMs / 2 + (random() * cappedMs) / 2;
    case 'decorrelated': {
      const fromMs = Math.min(maxMs, baseMs);
      return fromMs + random() * (Math.min(maxMs, 3 * Math.max(baseMs, previousMs)) - fromMs);
    }
    case 'none':
      return cappedMs;
  }
}
