import type { FailureReason } from '@nest-resilience/core';

export interface LlmUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly totalTokens: number;
  /** The part of `inputTokens` that was read from the provider's cache. */
  readonly cachedInputTokens?: number;
  /** The part of `inputTokens` that was written into the provider's cache. */
  readonly cacheWriteTokens?: number;
  /** The part of `outputTokens` that was thought, not said. */
  readonly reasoningTokens?: number;
  /** Nobody counted: these are estimates by the length of the texts. */
  readonly estimated?: true;
}

/**
 * Why an answer ended: `stop` by itself, `length` at the token limit, `tool-calls` for what the caller is to run, `other` in words of the
 * provider's own.
 */
export type LlmFinishReason = 'stop' | 'length' | 'content-filter' | 'tool-calls' | 'error' | 'other';

/**
 * - `ok`: this answer was taken
 * - `invalid`: it came, but did not match the schema (or was empty) and was asked for again or given up
 * - `failed`: the provider answered with an error or not at all
 * - `rejected`: refused by the target's circuit, nothing was sent
 * - `skipped`: no room in the target's own rate limit, or its context window is too small; nothing was sent
 */
export type LlmTryOutcome = 'ok' | 'invalid' | 'failed' | 'rejected' | 'skipped';

/** One thing that was tried for a call, in order. */
export interface LlmTry {
  readonly provider: string;
  readonly model: string;
  /** Position of the target in the chain of this call, 0 is the first choice. */
  readonly fallbackLevel: number;
  /** Counts the requests to this target from 1; 0 when nothing was sent. */
  readonly attempt: number;
  readonly outcome: LlmTryOutcome;
  readonly reason?: FailureReason;
  /** What the provider said. */
  readonly message?: string;
  /** What was mended about the answer without asking again, e.g. `trailing commas`, `a fence`, `nulls`. */
  readonly mended?: readonly string[];
  /** True of a failed request that went out again at once: with another key, or without what the model did not understand. */
  readonly again?: boolean;
  readonly durationMs: number;
  /** True for a stream. */
  readonly stream?: boolean;
  /** Of a stream: from the request to the first part of the answer, in milliseconds. */
  readonly firstTokenMs?: number;
  readonly usage?: LlmUsage;
  /** US dollars; absent when the price is not known. */
  readonly costUsd?: number;
}

/** What a call came to, whoever served it. */
export interface LlmResult<T = unknown> {
  readonly text: string;
  /** What the model thought before it answered, where it tells. */
  readonly reasoning?: string;
  /** The checked answer, when the request had a schema. */
  readonly object?: T;
  /** Who served it. */
  readonly provider: string;
  readonly model: string;
  /** 0 when the first choice served it. */
  readonly fallbackLevel: number;
  /** Requests sent, over all targets. */
  readonly attempts: number;
  /** Requests that repeated a failed one at the same target. */
  readonly retries: number;
  /** Requests that fed a problem with the last answer back to the model. */
  readonly heals: number;
  /** Tokens of the answer that was taken. */
  readonly usage: LlmUsage;
  /** US dollars of the whole call, including what was wasted; absent when the price of a part of it is not known. */
  readonly costUsd?: number;
  /** The part of `costUsd` that bought answers nobody could use; absent when the price of one is not known. */
  readonly wastedCostUsd?: number;
  readonly durationMs: number;
  /** True when no model answered and simple text processing stood in. */
  readonly degraded: boolean;
  readonly finishReason: LlmFinishReason;
  /** True when the text stops at the token limit (`maxOutputTokens`, or the model's own), in the middle of what was to be said. */
  readonly truncated: boolean;
  /** True when it is the answer of an equal request before: nothing was sent, nothing paid. */
  readonly cached?: boolean;
  /** The `quality` configured for the target that served. */
  readonly quality?: number;
  readonly tries: readonly LlmTry[];
  /** Settings of the request that the model does not know, e.g. `temperature`: it was asked without them. */
  readonly leftOut?: readonly string[];
  /** What guards changed, in order; absent when nothing. */
  readonly guards?: readonly LlmGuardRecord[];
}

/** One text that a guard changed. */
export interface LlmGuardRecord {
  readonly when: 'before' | 'after';
  readonly guard: 'redact' | 'check';
  /** Places that were replaced. */
  readonly count: number;
}

export const NO_USAGE: LlmUsage = { inputTokens: 0, outputTokens: 0, totalTokens: 0 };
