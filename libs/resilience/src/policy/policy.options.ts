import { BULKHEAD_POLICY } from '../bulkhead/bulkhead.descriptor.js';
import type { BulkheadOptions } from '../bulkhead/bulkhead.options.js';
import { CACHE_POLICY } from '../cache/cache.descriptor.js';
import type { CacheOptions } from '../cache/cache.options.js';
import { CHAOS_POLICY } from '../chaos/chaos.descriptor.js';
import type { ChaosOptions } from '../chaos/chaos.options.js';
import { CIRCUIT_BREAKER_POLICY } from '../circuit-breaker/circuit-breaker.descriptor.js';
import type { CircuitBreakerOptions } from '../circuit-breaker/circuit-breaker.options.js';
import { COALESCE_POLICY } from '../coalesce/coalesce.descriptor.js';
import type { CoalesceOptions } from '../coalesce/coalesce.options.js';
import { DEAD_LETTER_POLICY } from '../dead-letter/dead-letter.descriptor.js';
import type { DeadLetterOptions } from '../dead-letter/dead-letter.options.js';
import type { Duration } from '../engine/duration.js';
import { type OptionProblem, ResilienceOptionsError } from '../engine/errors.js';
import * as option from '../engine/option/index.js';
import type { PolicyDescriptor } from '../engine/policy-descriptor.js';
import { FALLBACK_POLICY } from '../fallback/fallback.descriptor.js';
import type { FallbackOptions } from '../fallback/fallback.options.js';
import { HEDGE_POLICY } from '../hedge/hedge.descriptor.js';
import type { HedgeOptions } from '../hedge/hedge.options.js';
import { RATE_LIMIT_POLICY } from '../rate-limit/rate-limit.descriptor.js';
import type { RateLimitOptions } from '../rate-limit/rate-limit.options.js';
import { RETRY_POLICY } from '../retry/retry.descriptor.js';
import type { RetryOptions } from '../retry/retry.options.js';
import { TIMEOUT_POLICY } from '../timeout/timeout.descriptor.js';
import type { TimeoutOptions } from '../timeout/timeout.options.js';

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

/** Every kind of policy, outermost first. */
export const POLICIES = {
  deadLetter: DEAD_LETTER_POLICY,
  fallback: FALLBACK_POLICY,
  cache: CACHE_POLICY,
  coalesce: COALESCE_POLICY,
  timeout: TIMEOUT_POLICY,
  retry: RETRY_POLICY,
  hedge: HEDGE_POLICY,
  circuitBreaker: CIRCUIT_BREAKER_POLICY,
  rateLimit: RATE_LIMIT_POLICY,
  bulkhead: BULKHEAD_POLICY,
  chaos: CHAOS_POLICY,
} as const satisfies Record<keyof Policies, { readonly options: option.Option<unknown, unknown> }>;

type Catalogue = typeof POLICIES;
export type PolicyKind = keyof Catalogue;

/** A policy as a layer around the method; a timeout is two of them. */
export type PolicyLayerName = Catalogue[PolicyKind]['layers'][number]['name'];

/** A kind of policy, whichever it is. */
export type AnyPolicy = PolicyDescriptor<option.Option<unknown, unknown>, unknown, unknown, PolicyLayerName>;

export const DESCRIPTORS = Object.entries(POLICIES).map(([kind, policy]) => ({
  kind,
  ...policy,
})) as unknown as readonly (AnyPolicy & { readonly kind: PolicyKind })[];

export const POLICY_KINDS = DESCRIPTORS.map(({ kind }) => kind);

/** {@link Policies}, checked and with defaults. */
export type ResolvedPolicy = {
  readonly [K in PolicyKind]?: option.OutOf<Catalogue[K]['options']> | undefined;
};

/** What is written for a policy of this kind, without the booleans that switch it on and off. */
export type PolicyInput<K extends PolicyKind> = Exclude<Policies[K], boolean | undefined>;

/** @throws ResilienceOptionsError with every problem of this policy */
export function readPolicy<K extends PolicyKind>(
  kind: K,
  input: PolicyInput<K> | undefined,
  path: string,
): ResolvedPolicy[K] {
  return option.read<unknown, unknown>(POLICIES[kind].options, input, path) as ResolvedPolicy[K];
}

/** Kinds that a file of workflows can write. */
export type FilePolicyKind = {
  [K in PolicyKind]: [NonNullable<Catalogue[K]['inFiles']>] extends [never] ? never : K;
}[PolicyKind];

/**
 * JSON Schema of each policy that a file can write, in the order of {@link POLICIES}.
 * @param instead what a file can write where only code can write an option itself, by kind and name of the option
 */
export function policySchemas(
  instead: (kind: FilePolicyKind) => Readonly<Record<string, option.JsonSchema>> = () => ({}),
): Readonly<Record<FilePolicyKind, option.JsonSchema>> {
  const schemas = DESCRIPTORS.flatMap(({ kind, options, inFiles }) => {
    if (inFiles === undefined) return [];
    const schema = option.schemaOf(options as option.Options<option.Spec, string>, instead(kind as FilePolicyKind));
    return [[kind, { description: inFiles, anyOf: [{ type: 'boolean' }, schema] }] as const];
  });
  return Object.fromEntries(schemas) as unknown as Readonly<Record<FilePolicyKind, option.JsonSchema>>;
}

/** What building the policies would refuse, asked before anything is changed. */
export function refuseToBuild(policy: ResolvedPolicy, name: string): void {
  for (const { kind, refuse } of DESCRIPTORS) if (policy[kind] !== undefined) refuse?.(policy[kind], name);
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

type Switches = { readonly [K in PolicyKind]: option.Switch<Catalogue[K]['options']> };

/** Each of which is off, on with its defaults, or on with options of its own. */
export const SWITCHES = Object.fromEntries(
  DESCRIPTORS.map(({ kind, options }) => [kind, option.switchOf(options)]),
) as unknown as Switches;

export const POLICY = option.options({ name: option.text(), ...SWITCHES });

/** @throws ResilienceOptionsError with the problems of all policies at once */
export function readPolicyOptions(input: PolicyOptions, path: string): ResolvedPolicy {
  return option.read<unknown, ResolvedPolicy>(POLICY, input, path);
}
