import { type FailureReason, redactText, ResilienceError } from '@nest-resilience/core';
import type { BudgetPeriod, ResolvedBudget } from './budget/budget.options.js';
import type { LlmTry } from './llm.result.js';

/** Why one target could not serve. */
export interface LlmTargetFailure {
  readonly provider: string;
  readonly model: string;
  readonly reason: FailureReason;
  readonly error: unknown;
}

/**
 * Every target of the chain failed. `cause` is the first target's error, `failures` keeps all of them.
 * Code `RESILIENCE_LLM_UNAVAILABLE`.
 */
export class LlmUnavailableError extends ResilienceError {
  /**
   * 503 when at least one target may do better later: read by `classifyError` (transient). Absent when every target refused for good
   * (keys, quota): then nothing is gained by trying again. Over HTTP 503 with `Retry-After`, or 502.
   */
  readonly statusCode?: number;

  constructor(
    readonly failures: readonly LlmTargetFailure[],
    readonly tries: readonly LlmTry[],
    /** The shortest time after which one of the targets asked to be tried again, when one said so. */
    readonly retryAfterMs?: number,
  ) {
    super(
      failures.length === 0
        ? "No LLM provider may answer: only text processing is left, and this call refuses it; give degraded: 'accept' to allow it"
        : `No LLM provider could answer: ${listing(failures)}`,
      'RESILIENCE_LLM_UNAVAILABLE',
      'llm',
      { cause: failures[0]?.error },
    );
    if (failures.some(({ reason }) => !LASTING.includes(reason))) this.statusCode = 503;
  }
}

/**
 * Everybody who was asked says that the request itself is wrong, or too long: nothing is gained by asking again. `cause` is the first
 * target's error, `failures` has all of them. Code `RESILIENCE_LLM_BAD_REQUEST`, over HTTP 502.
 */
export class LlmBadRequestError extends ResilienceError {
  constructor(
    readonly failures: readonly LlmTargetFailure[],
    readonly tries: readonly LlmTry[],
  ) {
    super(
      `Every LLM provider that was asked refused the request: ${listing(failures)}`,
      'RESILIENCE_LLM_BAD_REQUEST',
      'llm',
      { cause: failures[0]?.error },
    );
  }
}

function listing(failures: readonly LlmTargetFailure[]): string {
  return failures.map((f) => `${f.provider}:${f.model} ${f.reason} (${messageOf(f.error)})`).join('; ');
}

/** What only a human can mend. */
const LASTING: readonly FailureReason[] = ['auth', 'permission', 'quota', 'not_found', 'context_length'];

/**
 * A stream broke after its first token, so nobody else may continue it. `partialText` is what the caller has already got.
 * Code `RESILIENCE_LLM_STREAM_INTERRUPTED`, over HTTP 502.
 */
export class LlmStreamInterruptedError extends ResilienceError {
  constructor(
    readonly provider: string,
    readonly model: string,
    readonly partialText: string,
    cause: unknown,
  ) {
    super(
      `The stream of ${provider}:${model} broke after ${partialText.length} characters: ${messageOf(cause)}`,
      'RESILIENCE_LLM_STREAM_INTERRUPTED',
      `llm:${provider}:${model}`,
      { cause },
    );
  }
}

/** A model answered, but not with what was asked for. Code `RESILIENCE_LLM_INVALID_ANSWER`, over HTTP 502. */
export class LlmInvalidAnswerError extends ResilienceError {
  constructor(
    readonly provider: string,
    readonly model: string,
    /** One line per problem, e.g. `/amount must be a number`. */
    readonly problems: readonly string[],
    readonly text: string,
    cause?: unknown,
  ) {
    super(
      `${provider}:${model} gave an answer that cannot be used: ${problems.join('; ')}`,
      'RESILIENCE_LLM_INVALID_ANSWER',
      `llm:${provider}:${model}`,
      { cause },
    );
  }
}

/**
 * Nothing was sent to the target: its configured token limit has no room, or it asked to be left alone and others are there.
 * Code `RESILIENCE_RATE_LIMITED`, like the limiter of core.
 */
export class LlmRateLimitError extends ResilienceError {
  constructor(
    provider: string,
    model: string,
    readonly retryAfterMs: number,
    /** Why it is left alone; without it a limit of our own has no room. */
    because?: FailureReason,
  ) {
    const wait = `${Math.ceil(retryAfterMs)} ms`;
    const target = `${provider}:${model}`;
    super(
      because === undefined
        ? `The configured limit of ${target} has no room for ${wait}`
        : because === 'rate_limit'
          ? `${target} asked to be left alone for another ${wait}`
          : `${target} is left alone for another ${wait} (${because})`,
      'RESILIENCE_RATE_LIMITED',
      `llm:${target}`,
    );
  }
}

/**
 * An answer grew beyond `maxAnswerBytes` and was cut off. Not asked for again at the same target.
 * Code `RESILIENCE_LLM_ANSWER_TOO_LARGE`, over HTTP 502.
 */
export class LlmAnswerTooLargeError extends ResilienceError {
  constructor(
    readonly provider: string,
    readonly model: string,
    readonly maxBytes: number,
  ) {
    super(
      `The answer of ${provider}:${model} is larger than ${maxBytes} bytes; raise maxAnswerBytes if it may be`,
      'RESILIENCE_LLM_ANSWER_TOO_LARGE',
      `llm:${provider}:${model}`,
    );
  }
}

/**
 * What a call would cost is more than is left of a budget: nothing was sent. Nobody else is asked, unless the budget says `fallback`. Code
 * `RESILIENCE_LLM_BUDGET`, over HTTP 429.
 */
export class LlmBudgetError extends ResilienceError {
  readonly usd: number;
  /** A number: milliseconds. */
  readonly per: BudgetPeriod;
  readonly then: ResolvedBudget['then'];
  /** With `then: 'wait'`. */
  readonly maxWaitMs: number;

  constructor(
    /** Whose budget it is; absent: the module's. */
    readonly tenant: string | undefined,
    { usd, per, then, maxWait }: ResolvedBudget,
    /** Until the next day, hour or period. */
    readonly retryAfterMs: number | undefined,
  ) {
    const whose = tenant === undefined ? '' : ` of tenant '${tenant}'`;
    super(
      `The budget${whose} of ${usd} US dollars per ${typeof per === 'number' ? `${per} ms` : per} has no room for this request; raise its 'usd', or let it be exceeded with then: 'warn'`,
      'RESILIENCE_LLM_BUDGET',
      'llm',
    );
    [this.usd, this.per, this.then, this.maxWaitMs] = [usd, per, then, maxWait];
  }
}

/** The package that speaks to a kind of provider is not installed. Code `RESILIENCE_LLM_PACKAGE_MISSING`. */
export class LlmPackageMissingError extends ResilienceError {
  /** Read by `classifyError`: trying again will not install it. */
  readonly isRetryable = false;

  constructor(kind: string, packageName: string, cause: unknown) {
    super(
      `Providers of kind '${kind}' need the package ${packageName}: npm install ${packageName}`,
      'RESILIENCE_LLM_PACKAGE_MISSING',
      kind,
      { cause },
    );
  }
}

/** A guard of the module refused a request or an answer. Nobody else is asked. Code `RESILIENCE_LLM_REFUSED`. */
export class LlmGuardError extends ResilienceError {
  constructor(
    /** Whether it was on its way to a model or back. */
    readonly when: 'before' | 'after',
    why: string,
    cause?: unknown,
  ) {
    super(`A guard refused the ${when === 'before' ? 'request' : 'answer'}: ${why}`, 'RESILIENCE_LLM_REFUSED', 'llm', {
      cause,
    });
  }
}

/** The message of anything that can be thrown, without secrets: gateways like to repeat the key that they refuse. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return redactText(error.message || error.name);
  if (typeof error === 'object' && error !== null && 'message' in error) return redactText(String(error.message));
  return redactText(String(error));
}

/** The provider's content filter kept the answer back, or cut it. Not asked elsewhere. Code `RESILIENCE_LLM_REFUSED`, over HTTP 422. */
export class LlmRefusedError extends ResilienceError {
  constructor(
    readonly provider: string,
    readonly model: string,
  ) {
    super(
      `The content filter of ${provider}:${model} kept its answer back`,
      'RESILIENCE_LLM_REFUSED',
      `llm:${provider}:${model}`,
    );
  }
}
