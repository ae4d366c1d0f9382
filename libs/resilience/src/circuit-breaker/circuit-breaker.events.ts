import type { CircuitStateName } from './circuit-breaker.state.js';

/** A circuit that only records would open now. */
export interface CircuitThresholdEvent {
  readonly circuit: string;
  readonly failureRate: number;
  readonly slowCallRate: number;
  readonly calls: number;
}

export interface CircuitOpenedEvent extends CircuitThresholdEvent {
  readonly from: CircuitStateName;
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
  /** After its probes: it admits a growing share of calls. */
  'resilience.circuit.recovering': CircuitStateEvent;
  'resilience.circuit.closed': CircuitStateEvent;
  'resilience.circuit.rejected': CircuitRejectedEvent;
  'resilience.circuit.threshold-crossed': CircuitThresholdEvent;
}
