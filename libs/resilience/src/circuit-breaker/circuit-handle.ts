import type { CircuitStateName } from './circuit-breaker.state.js';
import type { Circuit, CircuitSnapshot } from './circuit.js';

/** A circuit in the hands of an operator. */
export class CircuitHandle {
  constructor(private readonly circuit: Circuit) {}

  get name(): string {
    return this.circuit.name;
  }

  get state(): CircuitStateName {
    return this.circuit.state;
  }

  snapshot(): CircuitSnapshot {
    return this.circuit.snapshot();
  }

  /** Refuses every call (`forced_open`) until `close` or `reset`. */
  open(): void {
    this.circuit.force('forced_open');
  }

  /** Closes with an empty window. */
  close(): void {
    this.circuit.force('closed');
  }

  /** Admits everything and records nothing. */
  disable(): void {
    this.circuit.force('disabled');
  }

  /** Admits everything and records: shows what the thresholds would have done. */
  metricsOnly(): void {
    this.circuit.force('metrics_only');
  }

  /** As new: closed, nothing counted. */
  reset(): void {
    this.circuit.force('closed', true);
  }
}
