import { catchError, defer, from, type MonoTypeOperatorFunction, type Observable, tap, throwError } from 'rxjs';

import type { Execution } from '../engine/execution.js';
import { Unfinished } from '../engine/shape.js';
import type { CachePolicy } from './cache.policy.js';

/** A longer sequence is not kept. */
const MAX_CACHED_ITEMS = 100;

/** Plays what is kept, or keeps the source's complete sequence; when it fails, plays what has expired. */
export function answerFromCache<T>(cache: CachePolicy, execution: Execution): MonoTypeOperatorFunction<T> {
  const { clock } = execution.parts.context;
  return (source) =>
    defer(() => {
      const key = cache.keys.of(execution.args);
      if (key === undefined) return source;
      const hit = execution.replayed || execution.underway ? undefined : cache.results.fresh(key, clock.now());
      if (hit !== undefined) {
        execution.emitted = true;
        return from(hit.items) as Observable<T>;
      }
      cache.results.misses++;
      let items: T[] | undefined = [];
      return source.pipe(
        tap({
          next: (item) => {
            if (items?.length === MAX_CACHED_ITEMS || item instanceof Unfinished) items = undefined;
            items?.push(item);
          },
          complete: () => {
            if (items !== undefined) cache.keep(key, items, clock.now());
          },
        }),
        catchError((error: unknown) => {
          const result = cache.rescue(key, execution, error, clock.now());
          return result === undefined ? throwError(() => error) : (from(result.items) as Observable<T>);
        }),
      );
    });
}
