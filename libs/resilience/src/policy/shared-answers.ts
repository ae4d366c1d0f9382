import type { ResolvedCacheOptions } from '../cache/cache.options.js';
import { CachePolicy } from '../cache/cache.policy.js';
import { CachedResults } from '../cache/cached-results.js';
import type { ResolvedCoalesceOptions } from '../coalesce/coalesce.options.js';
import { CoalescePolicy, RunningCalls } from '../coalesce/coalesce.policy.js';
import { CallKeys, type KeyFunction } from '../engine/argument-key.js';
import type { PolicyContext } from '../engine/policy-context.js';
import { takesEffect } from './same-options.js';

/** What calls have in common with others: results of earlier ones, and running ones, by name. */
export class SharedAnswers {
  readonly caches = new Map<string, CachedResults>();
  readonly coalesced = new Map<string, RunningCalls>();

  constructor(
    private readonly context: PolicyContext,
    private readonly warn: ((message: string) => void) | undefined,
  ) {}

  /**
   * @param before what was in effect until now, when a running application is reconfigured
   * @param rejectsResult `retryOnResult` beside it
   */
  cache(
    name: string,
    options: ResolvedCacheOptions,
    attemptIndex: number,
    before: ResolvedCacheOptions | undefined,
    rejectsResult: ((value: unknown) => boolean) | undefined,
  ): CachePolicy {
    const results = this.resultsOf(options.name ?? name, options, before);
    const keys = this.keys(name, 'Cache', 'not cached', results.options.key, attemptIndex);
    return new CachePolicy(results, keys, this.context, rejectsResult);
  }

  coalesce(name: string, { key }: ResolvedCoalesceOptions, attemptIndex: number): CoalescePolicy {
    let running = this.coalesced.get(name);
    if (running === undefined) this.coalesced.set(name, (running = new RunningCalls(name)));
    return new CoalescePolicy(running, this.keys(name, 'Coalesce', 'not shared', key, attemptIndex), this.context);
  }

  private resultsOf(name: string, options: ResolvedCacheOptions, before?: ResolvedCacheOptions): CachedResults {
    const known = this.caches.get(name);
    if (known === undefined) {
      const results = new CachedResults(name, options);
      this.caches.set(name, results);
      return results;
    }
    const declarations = { known: known.options, declared: options, before };
    if (takesEffect(`Cache '${name}'`, declarations, this.warn)) known.reconfigure(options);
    return known;
  }

  private keys(
    name: string,
    decorator: string,
    what: string,
    key: KeyFunction | undefined,
    attemptIndex: number,
  ): CallKeys {
    const onUnkeyable = (argument: number): void =>
      this.warn?.(
        `${name} > @${decorator}: a call was ${what}, because its argument ${argument} has no key: functions, symbols and ` +
          `instances of classes have none. Give @${decorator} { key: (...args) => string }`,
      );
    return new CallKeys(key, attemptIndex, onUnkeyable, `@${decorator} > key`);
  }
}
