import { brandError } from '../engine/error-brand.js';
import { ResilienceError } from '../engine/errors.js';
import type { CircuitStateName } from './circuit-breaker.state.js';

/** The circuit refused the call; the method was not entered. Never retried by default. */
export class CircuitOpenError extends ResilienceError {
  static {
    brandError(this, 'CircuitOpenError');
  }

  constructor(
    /** Name of the circuit, with its key in brackets: `llm[openai]`. */
    readonly circuit: string,
    readonly state: CircuitStateName,
    /** Milliseconds until the next probe may be admitted; 0 when nobody knows (forced open, probes running). */
    readonly retryAfterMs: number,
  ) {
    super(
      `Circuit '${circuit}' is ${state}${retryAfterMs > 0 ? `; next probe in ${Math.ceil(retryAfterMs)} ms` : ''}`,
      'RESILIENCE_CIRCUIT_OPEN',
      circuit,
    );
  }
}
