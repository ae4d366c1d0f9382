import { refuseInProduction } from '../chaos/production-guard.js';
import { type CacheOptions, readCacheOptions, type ResolvedCacheOptions } from '../cache/cache.options.js';
import {
  type BulkheadOptions,
  readBulkheadOptions,
  type ResolvedBulkheadOptions,
} from '../bulkhead/bulkhead.options.js';
import { type ChaosOptions, readChaosOptions, type ResolvedChaosOptions } from '../chaos/chaos.options.js';
import {
  type CircuitBreakerOptions,
  readCircuitBreakerOptions,
  type ResolvedCircuitBreakerOptions,
} from '../circuit-breaker/circuit-breaker.options.js';
import {
  type CoalesceOptions,
  readCoalesceOptions,
  type ResolvedCoalesceOptions,
} from '../coalesce/coalesce.options.js';
import {
  type DeadLetterOptions,
  readDeadLetterOptions,
  type ResolvedDeadLetterOptions,
} from '../dead-letter/dead-letter.options.js';
import type { Duration } from '../engine/duration.js';
import { type OptionProblem, ResilienceOptionsError } from '../engine/errors.js';
import { OptionsReader } from '../engine/options.js';
import {
  type FallbackOptions,
  readFallbackOptions,
  type ResolvedFallbackOptions,
} from '../fallback/fallback.options.js';
import { type HedgeOptions, readHedgeOptions, type ResolvedHedgeOptions } from '../hedge/hedge.options.js';
import {
  type RateLimitOptions,
  readRateLimitOptions,
  type ResolvedRateLimitOptions,
} from '../rate-limit/rate-limit.options.js';
import { readRetryOptions, type ResolvedRetryOptions, type RetryOptions } from '../retry/retry.options.js';
import { readTimeoutOptions, type ResolvedTimeoutOptions, type TimeoutOptions } from '../timeout/timeout.options.js';

/** The policies of one call; what is left out is not applied. `true` means "with its defaults", `false` "none". */
export interface Policies {
  readonly retry?: RetryOptions | number | boolean;
  readonly circuitBreaker?: CircuitBreakerOptions | boolean;
  readonly timeout?: TimeoutOptions | Duration | boolean;
  readonly fallback?: FallbackOptions;
  readonly deadLetter?: DeadLetterOptions | string | boolean;
  /** A duration is short for `{ ttl }`. */
  readonly cache?: CacheOptions | Duration | false;
  readonly coalesce?: CoalesceOptions | boolean;
  /** A duration is short for `{ delay }`. */
  readonly hedge?: HedgeOptions | Duration | false;
  /** A number is short for `{ maxConcurrent }`. */
  readonly bulkhead?: BulkheadOptions | number | boolean;
  readonly rateLimit?: RateLimitOptions | false;
  readonly chaos?: ChaosOptions | false;
}

/** {@link Policies} with a name. */
export interface PolicyOptions extends Policies {
  /** Shown in events and metrics, and the default name of the circuit. @default 'policy' */
  readonly name?: string;
}

/** {@link Policies}, checked and with defaults. */
export interface ResolvedPolicy {
  readonly retry?: ResolvedRetryOptions | undefined;
  readonly circuitBreaker?: ResolvedCircuitBreakerOptions | undefined;
  readonly timeout?: ResolvedTimeoutOptions | undefined;
  readonly fallback?: ResolvedFallbackOptions | undefined;
  readonly deadLetter?: ResolvedDeadLetterOptions | undefined;
  readonly cache?: ResolvedCacheOptions | undefined;
  readonly coalesce?: ResolvedCoalesceOptions | undefined;
  readonly hedge?: ResolvedHedgeOptions | undefined;
  readonly bulkhead?: ResolvedBulkheadOptions | undefined;
  readonly rateLimit?: ResolvedRateLimitOptions | undefined;
  readonly chaos?: ResolvedChaosOptions | undefined;
}

export type PolicyKind = keyof Policies;

/** What is written for a policy of this kind, without the booleans that switch it on and off. */
export type PolicyInput<K extends PolicyKind> = Exclude<Policies[K], boolean | undefined>;

/** How the options of each kind are checked. */
const READERS: {
  readonly [K in PolicyKind]-?: (input: PolicyInput<K> | undefined, path: string) => ResolvedPolicy[K];
} = {
  retry: readRetryOptions,
  circuitBreaker: readCircuitBreakerOptions,
  timeout: readTimeoutOptions,
  fallback: readFallbackOptions,
  deadLetter: readDeadLetterOptions,
  cache: readCacheOptions,
  coalesce: readCoalesceOptions,
  hedge: readHedgeOptions,
  bulkhead: readBulkheadOptions,
  rateLimit: readRateLimitOptions,
  chaos: readChaosOptions,
};

export const POLICY_KINDS = Object.keys(READERS) as readonly PolicyKind[];

/** The option of each kind that its shorthand sets: `retry: 3` is `retry: { maxRetries: 3 }`. */
export const SHORTHANDS: { readonly [K in PolicyKind]?: string } = {
  retry: 'maxRetries',
  timeout: 'each',
  deadLetter: 'queue',
  cache: 'ttl',
  hedge: 'delay',
  bulkhead: 'maxConcurrent',
};

/** @throws ResilienceOptionsError with every problem of this policy */
export function readPolicy<K extends PolicyKind>(
  kind: K,
  input: PolicyInput<K> | undefined,
  path: string,
): ResolvedPolicy[K] {
  // TypeScript does not see that the reader of a kind takes that kind's input.
  const read = READERS[kind] as (input: PolicyInput<K> | undefined, path: string) => unknown;
  return read(input, path) as ResolvedPolicy[K];
}

/** What building the policies would refuse, asked before anything is changed. */
export function refuseToBuild({ chaos }: ResolvedPolicy, name: string): void {
  if (chaos !== undefined && chaos.enabled !== false) refuseInProduction(name, chaos.name ?? name);
}

/** Runs one check; its problems join those of the others. */
export function collect<T>(problems: OptionProblem[], read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ResilienceOptionsError)) throw error;
    problems.push(...error.problems);
    return undefined;
  }
}

/**
 * @param checkBeside checks what is given beside the policies
 * @throws ResilienceOptionsError with the problems of all policies at once
 */
export function readPolicyOptions<B extends object = object>(
  input: PolicyOptions & B,
  path: string,
  beside: readonly (keyof B & string)[] = [],
  checkBeside?: (reader: OptionsReader<PolicyOptions & B>) => void,
): ResolvedPolicy {
  const problems: OptionProblem[] = [];
  collect(problems, () => {
    const reader = new OptionsReader<PolicyOptions & B>(input, path, ['name', ...POLICY_KINDS, ...beside]);
    reader.string('name', undefined);
    checkBeside?.(reader);
    reader.finish();
  });
  const resolved: { -readonly [K in PolicyKind]?: ResolvedPolicy[K] } = {};
  const part = <K extends PolicyKind>(kind: K): void => {
    const value = (input as Policies | undefined)?.[kind];
    if (value === undefined || value === false) return;
    const given = value === true ? undefined : (value as PolicyInput<K>);
    resolved[kind] = collect(problems, () => readPolicy(kind, given, `${path} > ${kind}`));
  };
  POLICY_KINDS.forEach((kind) => part(kind));
  if (problems.length > 0) throw new ResilienceOptionsError(problems);
  return resolved;
}
