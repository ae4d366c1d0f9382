import type { CircuitHandle, FailureReason } from '@nest-resilience/core';
import type { LlmProviderHealth } from '../health/health-record.js';
import type { RecentTries } from '../health/recent-figures.js';
import type { ResolvedTarget } from '../options/resolved-options.js';
import type { LlmTarget } from './llm-target.js';
import { stateOf, type TargetState } from './target-state.js';

/** What `LlmService.targets` tells about one model of one provider. */
export type LlmTargetInfo = Pick<
  ResolvedTarget,
  'kind' | 'model' | 'priority' | 'cost' | 'quality' | 'contextWindow'
> & {
  readonly provider: string;
  /** Name of its circuit: `llm:<provider>:<model>`. */
  readonly circuit: string;
};

/** How a target stands at the moment, see `LlmService.view`. */
export interface LlmTargetView {
  readonly provider: string;
  readonly model: string;
  readonly kind: ResolvedTarget['kind'];
  /** Place in the chain, 0 the first choice. */
  readonly order: number;
  /** Of its provider. */
  readonly health: Pick<LlmProviderHealth, 'status' | 'reason' | 'ageMs' | 'skipped'>;
  readonly state: TargetState['state'];
  /** State of its circuit. */
  readonly circuit: string;
  readonly cooldown?: { readonly reason: FailureReason; readonly forMs: number };
  /** What its limits still have, this minute. */
  readonly room: { readonly requests?: number; readonly tokens?: number };
  readonly inFlight: number;
  readonly recent: ReturnType<RecentTries['of']>;
}

export function infoOf({ options, circuit }: LlmTarget): LlmTargetInfo {
  const { name: provider, kind, model, priority, cost, quality, contextWindow } = options;
  return {
    ...{ provider, kind, model, priority, circuit },
    ...(cost && { cost }),
    ...(quality !== undefined && { quality }),
    ...(contextWindow !== undefined && { contextWindow }),
  };
}

/** @param order its place in the chain */
export function viewOf(
  target: LlmTarget,
  circuit: CircuitHandle,
  order: number,
  { status, reason, ageMs, skipped }: LlmProviderHealth,
  recent: LlmTargetView['recent'],
): LlmTargetView {
  const { options, cooldown, tokens } = target;
  const { name: provider, model, kind } = options;
  const because = cooldown.reason;
  return {
    ...{ provider, model, kind, order },
    health: {
      status,
      ...(reason && { reason }),
      ...(ageMs !== undefined && { ageMs }),
      ...(skipped && { skipped }),
    },
    state: stateOf(target, circuit).state,
    circuit: circuit.state,
    ...(because && { cooldown: { reason: because, forMs: cooldown.remainingMs } }),
    room: tokens.room(),
    inFlight: tokens.inFlight,
    recent,
  };
}
