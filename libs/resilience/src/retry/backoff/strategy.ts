import { atOnce } from '../../engine/at-once.js';
import { parseDuration, type Duration } from '../../engine/duration.js';

export type BackoffName = 'exponential' | 'linear' | 'fibonacci' | 'constant' | 'immediate';

export const BACKOFF_NAMES: readonly BackoffName[] = ['exponential', 'linear', 'fibonacci', 'constant', 'immediate'];

/** Your own schedule. `retry` counts from 1; `false` stops. */
export type BackoffFunction = (retry: number, error: unknown) => Duration | false;

/** Milliseconds before jitter and cap; `false` stops. */
export type Backoff = (retry: number, error: unknown) => number | false;

/** Bounds the growth, so that a base of 0 stays 0 (0 times Infinity is NaN). */
const LARGEST_FACTOR = Number.MAX_SAFE_INTEGER;

export function createBackoff(strategy: BackoffName | BackoffFunction, baseMs: number, multiplier: number): Backoff {
  if (typeof strategy === 'function') return customBackoff(strategy);
  switch (strategy) {
    case 'exponential':
      return (retry) => baseMs * Math.min(multiplier ** (retry - 1), LARGEST_FACTOR);
    case 'linear':
      return (retry) => baseMs * retry;
    case 'fibonacci':
      return (retry) => baseMs * fibonacci(retry);
    case 'constant':
      return () => baseMs;
    case 'immediate':
      return () => 0;
  }
}

function customBackoff(strategy: BackoffFunction): Backoff {
  return (retry, error) => {
    const answer = atOnce(strategy(retry, error), '@Retry > strategy');
    if (answer === false) return false;
    const ms = parseDuration(answer);
    if (ms === undefined || ms < 0) {
      throw new TypeError(`The retry strategy answered ${String(answer)}: it must return a duration >= 0 or false`);
    }
    return ms;
  };
}

/** 1, 1, 2, 3, 5... */
function fibonacci(n: number): number {
  let [previous, current] = [0, 1];
  for (let i = 1; i < n && current < LARGEST_FACTOR; i++) [previous, current] = [current, previous + current];
  return current;
}
