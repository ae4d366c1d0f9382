import type { FailureReason } from '@nest-resilience/core';
import type { LlmProviderStatus } from './health/health-record.js';
import type { LlmResult, LlmTry } from './llm.result.js';

type Answered = 'provider' | 'model' | 'fallbackLevel' | 'attempts' | 'retries' | 'heals' | 'usage' | 'costUsd';

/** A call was answered. */
export interface LlmCompletedEvent extends Pick<
  LlmResult,
  Answered | 'wastedCostUsd' | 'durationMs' | 'degraded' | 'tries'
> {
  readonly stream: boolean;
}

/** A target was given up and the next one is asked. */
export interface LlmFellBackEvent {
  readonly from: { readonly provider: string; readonly model: string };
  readonly to: { readonly provider: string; readonly model: string };
  /** Position of `to` in the chain. */
  readonly fallbackLevel: number;
  readonly reason: FailureReason;
  readonly error: unknown;
}

/** A target is asked beside one that has not answered in time. */
export interface LlmHedgedEvent {
  readonly provider: string;
  readonly model: string;
  /** Position in the chain. */
  readonly fallbackLevel: number;
  readonly beside: { readonly provider: string; readonly model: string };
}

/** An invalid answer was sent back to the model with its problems. */
export interface LlmHealedEvent {
  readonly provider: string;
  readonly model: string;
  /** From 1. */
  readonly heal: number;
  readonly problems: readonly string[];
}

/** A call failed for good. */
export interface LlmFailedEvent {
  readonly error: unknown;
  readonly reason: FailureReason;
  readonly tries: readonly LlmTry[];
  readonly stream: boolean;
}

/** After a round of checks a provider is in another state than was told last, whether a check or traffic has found it. */
export interface LlmHealthChangedEvent {
  readonly provider: string;
  readonly status: LlmProviderStatus;
  readonly previous: LlmProviderStatus;
  readonly reason?: FailureReason;
}

/** A budget is exceeded, or cannot hold what a target costs; told once in its time. */
export interface LlmBudgetEvent {
  /** `unpriced`: nobody knows what this target costs, so the budget counts nothing for it. */
  readonly state: 'exceeded' | 'unpriced';
  /** Absent: the budget of the module. */
  readonly tenant?: string;
  readonly usd: number;
  /** A number: milliseconds. */
  readonly per: 'day' | 'hour' | 'call' | number;
  readonly then: 'fail' | 'warn' | 'wait' | 'fallback';
  /** With what the request is expected to cost. */
  readonly spentUsd?: number;
  readonly provider?: string;
  readonly model?: string;
}

/** Names and payloads of what this package emits through the application's event sink. */
export interface LlmEventMap {
  'resilience.llm.completed': LlmCompletedEvent;
  'resilience.llm.fell-back': LlmFellBackEvent;
  'resilience.llm.hedged': LlmHedgedEvent;
  'resilience.llm.healed': LlmHealedEvent;
  'resilience.llm.failed': LlmFailedEvent;
  'resilience.llm.budget': LlmBudgetEvent;
  'resilience.llm.health-changed': LlmHealthChangedEvent;
}
