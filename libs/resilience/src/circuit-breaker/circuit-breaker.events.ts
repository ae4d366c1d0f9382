import type { CircuitStateName } from './circuit-breaker.state.js';

export interface CircuitOpenedEvent {
  readonly circuit: string;
  readonly from: CircuitStateName;
  readonly failureRate: number;
  readonly slowCallRate: number;
  readonly calls: number;
  /** How often it opened since it was last closed. */
  readonly timesOpened: number;
  readonly retryAfterMs: number;
}

export interface CircuitStateEvent {
  readonly circuit: string;
  readonly from: CircuitStateName;
}

export interface CircuitRejectedEvent {
  readonly circuit: string;
  readonly state: CircuitStateName;
  readonly retryAfterMs: number;
}

export interface CircuitBreakerEvents {
  'resilience.circuit.opened': CircuitOpenedEvent;
  'resilience.circuit.half-opened': CircuitStateEvent;
  'resilience.circuit.closed': CircuitStateEvent;
  'resilience.circuit.rejected': CircuitRejectedEvent;
}
