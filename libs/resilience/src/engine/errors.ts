import { brandError, isErrorOf } from './error-brand.js';

/** Every code that an error of this library can carry; stable public API. */
export type ResilienceErrorCode =
  | 'RESILIENCE_CIRCUIT_OPEN'
  | 'RESILIENCE_TIMEOUT'
  | 'RESILIENCE_BULKHEAD_FULL'
  | 'RESILIENCE_RATE_LIMITED'
  | 'RESILIENCE_OPTIONS'
  | 'RESILIENCE_RESULT_REJECTED'
  | 'RESILIENCE_CLIENT_GONE'
  | 'RESILIENCE_SHUTDOWN'
  | (string & {});

/** Base of all errors that this library itself raises. `instanceof` holds across copies of this package. */
export class ResilienceError extends Error {
  static {
    brandError(this, 'ResilienceError');
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return isErrorOf(this, value);
  }

  constructor(
    message: string,
    /** Stable, e.g. `'RESILIENCE_TIMEOUT'`. */
    readonly code: ResilienceErrorCode,
    /** Name of the policy or method that raised it, e.g. `'OrderService.charge'`. */
    readonly policy: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
  }
}

/**
 * What was asked for cannot be done here at this moment, e.g. because another process does it. Nothing was done; asking again later
 * may help.
 */
export class NotNowError extends ResilienceError {
  constructor(
    message: string,
    code: ResilienceErrorCode,
    policy: string,
    readonly retryAfterMs: number,
  ) {
    super(message, code, policy);
  }
}

/** A result stood for a failure: `throwOnExhaustedResult` of `@Retry`, or `onResult` of `@Fallback` where every fallback failed too. */
export class ResultRejectedError extends ResilienceError {
  static {
    brandError(this, 'ResultRejectedError');
  }

  readonly #result: unknown;

  constructor(policy: string, result: unknown, option: string) {
    super(`${policy} returned a result that ${option} refused`, 'RESILIENCE_RESULT_REJECTED', policy);
    this.#result = result;
  }

  /** What the method returned; of a stream its first item. */
  get result(): unknown {
    return this.#result;
  }
}

/** A call that had not ended when the process stopped waiting for it. `cause` is what its last attempt failed with, if any did. */
export class ShutdownError extends ResilienceError {
  static {
    brandError(this, 'ShutdownError');
  }

  constructor(policy: string, cause?: unknown) {
    super(
      `${policy} was given up: it had not ended within the shutdown timeout (ResilienceModule.forRoot({ shutdownTimeout }))`,
      'RESILIENCE_SHUTDOWN',
      policy,
      cause === undefined ? undefined : { cause },
    );
  }
}

/** One thing wrong with an option. */
export interface OptionProblem {
  /** Where, e.g. `OrderService.charge > @Retry > maxDelay`. */
  readonly path: string;
  readonly value: unknown;
  /** What would have been accepted, e.g. `a duration >= 0 such as 500 or '30s'`. */
  readonly allowed: string;
}

/** Options that cannot work, all of them at once. Raised when a decorator is evaluated or a module registered. */
export class ResilienceOptionsError extends ResilienceError {
  static {
    brandError(this, 'ResilienceOptionsError');
  }

  constructor(readonly problems: readonly OptionProblem[]) {
    super(
      `${problems.length === 1 ? 'One option is' : `${problems.length} options are`} not usable:\n` +
        problems.map((p) => `  - ${p.path}: got ${describeValue(p.value)}, expected ${p.allowed}`).join('\n'),
      'RESILIENCE_OPTIONS',
      problems[0]?.path.split(' > ')[0] ?? 'options',
    );
  }
}

/** A short, safe rendering of any value for a message. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return `'${value.length > 60 ? `${value.slice(0, 57)}...` : value}'`;
  if (value instanceof Promise) return 'a promise';
  if (typeof value === 'function') return value.name ? `function ${value.name}` : 'a function';
  if (typeof value === 'object' && value !== null) {
    if (Array.isArray(value)) return `an array of ${value.length}`;
    return `an object with keys [${Object.keys(value).slice(0, 5).join(', ')}]`;
  }
  return String(value);
}
