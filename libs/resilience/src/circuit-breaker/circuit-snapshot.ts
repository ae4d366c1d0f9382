import type { CircuitBreakerEvents } from './circuit-breaker.events.js';
import type { CircuitState, CircuitStateName } from './circuit-breaker.state.js';
import type { CircuitRules } from './circuit-rules.js';
import type { OutcomeWindow } from './window/window.js';

/** A circuit at one moment. Rates are 0..1, or -1 while there are too few calls to judge. */
export interface CircuitSnapshot {
  readonly state: CircuitStateName;
  readonly failureRate: number;
  readonly slowCallRate: number;
  /** In the window. */
  readonly calls: number;
  readonly failures: number;
  /** Calls refused since the circuit was made or reset. */
  readonly notPermitted: number;
  /** Epoch milliseconds, `undefined` unless open or half open. */
  readonly openedAt: number | undefined;
  readonly retryAfterMs: number;
}

/** @param now of the clock of the rules; the window has been brought up to it */
export function snapshotOf({
  state,
  notPermitted,
  retryAfterMs,
  now,
  current,
  window,
  rules,
}: Pick<CircuitSnapshot, 'state' | 'notPermitted' | 'retryAfterMs'> & {
  readonly now: number;
  readonly current: CircuitState;
  readonly window: OutcomeWindow;
  readonly rules: CircuitRules;
}): CircuitSnapshot {
  const { calls, failures, slowCalls } = window;
  const { options, minimumCalls, context } = rules;
  const judged = calls >= (options.window.type === 'consecutive' ? 1 : minimumCalls);
  return {
    state,
    failureRate: judged ? failures / calls : -1,
    slowCallRate: judged ? slowCalls / calls : -1,
    calls,
    failures,
    notPermitted,
    openedAt: 'openedAt' in current ? Math.round(context.clock.epochNow() - (now - current.openedAt)) : undefined,
    retryAfterMs,
  };
}

/** However few calls there are. */
export function ratesOf(
  circuit: string,
  { calls, failures, slowCalls }: OutcomeWindow,
): CircuitBreakerEvents['resilience.circuit.threshold-crossed'] {
  return {
    circuit,
    calls,
    failureRate: calls === 0 ? 0 : failures / calls,
    slowCallRate: calls === 0 ? 0 : slowCalls / calls,
  };
}
