import type { Duration } from '../engine/duration.js';
import type { PolicyDecorator } from '../nest/method-types.js';
import { policyDecorator } from '../nest/policy-decorator.js';
import type { CacheOptions } from './cache.options.js';

/**
 * Answers calls with what an earlier call with the same arguments returned; with `staleIfError` also with what has expired, when
 * the method fails. Values are handed out by reference: do not change them.
 * The compiler checks that `cacheResult` judges what the method returns, and that `key` takes what it is given.
 * @param options a duration is short for `{ ttl }`
 * @example `@Cache({ ttl: '30s', staleIfError: '10m' })`
 */
export function Cache<R, A extends readonly unknown[]>(options: CacheOptions<R, A> | Duration): PolicyDecorator<R, A> {
  return policyDecorator('cache', 'Cache', options as CacheOptions | Duration);
}
