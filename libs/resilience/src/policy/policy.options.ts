import {
  type CircuitBreakerOptions,
  readCircuitBreakerOptions,
  type ResolvedCircuitBreakerOptions,
} from '../circuit-breaker/circuit-breaker.options.js';
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
import { readRetryOptions, type ResolvedRetryOptions, type RetryOptions } from '../retry/retry.options.js';
import { readTimeoutOptions, type ResolvedTimeoutOptions, type TimeoutOptions } from '../timeout/timeout.options.js';

/** All policies of one call; what is left out is not applied. `true` means "with its defaults". */
export interface PolicyOptions {
  /** Shown in events and metrics, and the default name of the circuit. @default 'policy' */
  readonly name?: string;
  readonly retry?: RetryOptions | number | boolean;
  readonly circuitBreaker?: CircuitBreakerOptions | boolean;
  readonly timeout?: TimeoutOptions | Duration | boolean;
  readonly fallback?: FallbackOptions;
  readonly deadLetter?: DeadLetterOptions | string | boolean;
}

/** {@link PolicyOptions}, checked and with defaults. */
export interface ResolvedPolicy {
  readonly retry?: ResolvedRetryOptions | undefined;
  readonly circuitBreaker?: ResolvedCircuitBreakerOptions | undefined;
  readonly timeout?: ResolvedTimeoutOptions | undefined;
  readonly fallback?: ResolvedFallbackOptions | undefined;
  readonly deadLetter?: ResolvedDeadLetterOptions | undefined;
}

export type PolicyKind = keyof ResolvedPolicy;

const KNOWN = ['name', 'retry', 'circuitBreaker', 'timeout', 'fallback', 'deadLetter'] as const;

/** Reads one part; its problems join those of the others. */
function readPart<T>(problems: OptionProblem[], read: () => T): T | undefined {
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
  readPart(problems, () => {
    const reader = new OptionsReader<PolicyOptions & B>(input, path, [...KNOWN, ...beside]);
    reader.string('name', undefined);
    checkBeside?.(reader);
    reader.finish();
  });
  const part = <T, R>(
    name: PolicyKind,
    value: T | boolean | undefined,
    read: (value: T | undefined, path: string) => R,
  ) =>
    value === undefined || value === false
      ? undefined
      : readPart(problems, () => read(value === true ? undefined : (value as T), `${path} > ${name}`));
  const { retry, circuitBreaker, timeout, fallback, deadLetter } = input ?? {};
  const resolved: ResolvedPolicy = {
    retry: part('retry', retry, readRetryOptions),
    circuitBreaker: part('circuitBreaker', circuitBreaker, readCircuitBreakerOptions),
    timeout: part('timeout', timeout, readTimeoutOptions),
    fallback: part('fallback', fallback, readFallbackOptions),
    deadLetter: part('deadLetter', deadLetter, readDeadLetterOptions),
  };
  if (problems.length > 0) throw new ResilienceOptionsError(problems);
  return resolved;
}
