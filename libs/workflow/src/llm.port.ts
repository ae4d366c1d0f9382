import type { LlmTryRecord, LlmUsage } from './ledger/execution.js';

/** Injection token of the {@link LlmPort} that `llm` nodes call; `LlmService` of `@nest-resilience/llm` is one. */
export const WORKFLOW_LLM = Symbol.for('nest-resilience:workflow-llm');

/** All that workflows need of a language model client. */
export interface LlmPort {
  complete(request: LlmPortRequest): Promise<LlmPortResult>;
}

export type DegradedAnswers = 'accept' | 'refuse';

export interface LlmPortRequest {
  readonly messages: readonly { readonly role: 'system' | 'user' | 'assistant'; readonly content: string }[];
  /** JSON Schema of the answer. */
  readonly schema?: Readonly<Record<string, unknown>>;
  readonly model?: string;
  /** Whether something simpler than a model may answer. */
  readonly degraded?: DegradedAnswers;
  /** Of those that may answer, from 0 to 1. */
  readonly minQuality?: number;
  readonly signal?: AbortSignal;
}

export interface LlmPortResult {
  readonly text: string;
  /** The checked answer, when there was a schema. */
  readonly object?: unknown;
  readonly provider: string;
  /** 0 when the first choice served it. */
  readonly fallbackLevel: number;
  /** Requests sent, over all providers. */
  readonly attempts: number;
  readonly retries?: number;
  /** Requests that fed a problem with the last answer back. */
  readonly heals?: number;
  readonly usage: LlmUsage;
  /** US dollars; absent when the price is not known. */
  readonly costUsd?: number;
  /** No model answered; something simpler stood in. */
  readonly degraded: boolean;
  readonly tries: readonly LlmPortTry[];
}

/** What a node keeps of a model's answer, also of one that a step asked for by itself. */
export type LlmAnswer = Omit<LlmPortResult, 'text' | 'object'>;

export interface LlmPortTry extends LlmTryRecord {
  /** Of an answer that came, whether it was of any use or not. */
  readonly usage?: LlmUsage;
  /** US dollars. */
  readonly costUsd?: number;
}
