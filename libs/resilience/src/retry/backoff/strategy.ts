import { parseDuration, type Duration } from '../../engine/duration.js';

export type BackoffName = 'exponential' | 'linear' | 'fibonacci' | 'constant' | 'immediate';

export const BACKOFF_NAMES: readonly BackoffName[] = ['exponential', 'linear', 'fibonacci', 'constant', 'immediate'];

/** Your own schedule. `retry` counts from 1; `false` stops. */
export type BackoffFunction = (retry: number, error: unknown) => Duration | false;

/** Milliseconds before jitter and cap; `false` stops. */
export type Backoff = (retry: number, error: unknown) => number | false;

export function createBackoff(strategy: BackoffName | BackoffFunction, baseMs: number, multiplier: number): Backoff {
  if (typeof strategy === 'function') return customBackoff(strategy);
  switch (strategy) {
    case 'exponential':
      return (retry) => Math.min(baseMs * multiplier ** (retry - 1), Number.MAX_SAFE_INTEGER);
    case 'linear':
      return (retry) => baseMs * retry;
    case 'fibonacci':
      return (retry) => Math.min(baseMs * fibonacci(retry), Number.MAX_SAFE_INTEGER);
    case 'constant':
      return () => baseMs;
    case 'immediate':
      return () => 0;
  }
}

function customBackoff(strategy: BackoffFunction): Backoff {
  return (retry, error) => {
    const answer = strategy(retry, error);
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
  for (let i = 1; i < n; i++) [previous, current] = [current, previous + current];
  return current;
}
