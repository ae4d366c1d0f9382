import { BULKHEAD, type BulkheadOptions } from '../bulkhead/bulkhead.options.js';
import { CACHE, type CacheOptions } from '../cache/cache.options.js';
import { CHAOS, type ChaosOptions } from '../chaos/chaos.options.js';
import { refuseInProduction } from '../chaos/production-guard.js';
import { CIRCUIT_BREAKER, type CircuitBreakerOptions } from '../circuit-breaker/circuit-breaker.options.js';
import { COALESCE, type CoalesceOptions } from '../coalesce/coalesce.options.js';
import { DEAD_LETTER, type DeadLetterOptions } from '../dead-letter/dead-letter.options.js';
import type { Duration } from '../engine/duration.js';
import { type OptionProblem, ResilienceOptionsError } from '../engine/errors.js';
import * as option from '../engine/option/index.js';
import { FALLBACK, type FallbackOptions } from '../fallback/fallback.options.js';
import { HEDGE, type HedgeOptions } from '../hedge/hedge.options.js';
import { RATE_LIMIT, type RateLimitOptions } from '../rate-limit/rate-limit.options.js';
import { RETRY, type RetryOptions } from '../retry/retry.options.js';
import { TIMEOUT, type TimeoutOptions } from '../timeout/timeout.options.js';

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

/** The options of each kind. */
export const POLICIES = {
  retry: RETRY,
  circuitBreaker: CIRCUIT_BREAKER,
  timeout: TIMEOUT,
  fallback: FALLBACK,
  deadLetter: DEAD_LETTER,
  cache: CACHE,
  coalesce: COALESCE,
  hedge: HEDGE,
  bulkhead: BULKHEAD,
  rateLimit: RATE_LIMIT,
  chaos: CHAOS,
} as const satisfies Record<keyof Policies, option.Option<unknown, unknown>>;

export type PolicyKind = keyof typeof POLICIES;

export const POLICY_KINDS = Object.keys(POLICIES) as readonly PolicyKind[];

/** {@link Policies}, checked and with defaults. */
export type ResolvedPolicy = {
  readonly [K in PolicyKind]?: option.OutOf<(typeof POLICIES)[K]> | undefined;
};

/** What is written for a policy of this kind, without the booleans that switch it on and off. */
export type PolicyInput<K extends PolicyKind> = Exclude<Policies[K], boolean | undefined>;

/** @throws ResilienceOptionsError with every problem of this policy */
export function readPolicy<K extends PolicyKind>(
  kind: K,
  input: PolicyInput<K> | undefined,
  path: string,
): ResolvedPolicy[K] {
  return option.read<unknown, unknown>(POLICIES[kind], input, path) as ResolvedPolicy[K];
}

/**
 * JSON Schema of one policy as a file can write it.
 * @param instead what a file can write where only code can write an option itself, by the names of the options
 */
export function policySchema(
  kind: Exclude<PolicyKind, 'fallback' | 'chaos'>,
  instead: Readonly<Record<string, option.JsonSchema>> = {},
): option.JsonSchema {
  return { anyOf: [{ type: 'boolean' }, option.schemaOf(POLICIES[kind], instead)] };
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

type Switches = { readonly [K in PolicyKind]: option.Switch<(typeof POLICIES)[K]> };

/** Each of which is off, on with its defaults, or on with options of its own. */
export const SWITCHES = Object.fromEntries(
  POLICY_KINDS.map((kind) => [kind, option.switchOf(POLICIES[kind])]),
) as unknown as Switches;

export const POLICY = option.options({ name: option.text(), ...SWITCHES });

/** @throws ResilienceOptionsError with the problems of all policies at once */
export function readPolicyOptions(input: PolicyOptions, path: string): ResolvedPolicy {
  return option.read<unknown, ResolvedPolicy>(POLICY, input, path);
}
