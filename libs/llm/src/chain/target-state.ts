import type { CircuitHandle, FailureReason } from '@nest-resilience/core';
import type { LlmTarget } from './llm-target.js';

/** How a target stands, as its circuit and its cooldown have it; health is made of this too, so the three cannot disagree. */
export type TargetState =
  | { readonly state: 'closed' }
  /** Its circuit lets a probe through: nothing has proven it yet. */
  | { readonly state: 'half_open' }
  /** Left alone for a time, and then asked as before. */
  | { readonly state: 'cooling'; readonly reason: FailureReason; readonly forMs: number }
  /** Nothing is sent to it, or only when nobody else can answer. */
  | { readonly state: 'down'; readonly reason?: FailureReason; readonly forMs?: number };

export function stateOf({ cooldown }: LlmTarget, circuit: CircuitHandle): TargetState {
  const { state } = circuit;
  const { reason, remainingMs: forMs } = cooldown;
  if (state === 'open' || state === 'forced_open') return { state: 'down' };
  if (reason !== undefined)
    return cooldown.isPassing ? { state: 'cooling', reason, forMs } : { state: 'down', reason, forMs };
  // An open circuit whose time has come reads `half_open`: the next call may prove the provider.
  return { state: state === 'half_open' ? 'half_open' : 'closed' };
}
