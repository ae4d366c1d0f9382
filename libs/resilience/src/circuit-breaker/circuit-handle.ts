import type { Duration } from '../engine/duration.js';
import * as option from '../engine/option/index.js';
import type { CircuitStateName } from './circuit-breaker.state.js';
import type { Circuit } from './circuit.js';
import type { CircuitSnapshot } from './circuit-snapshot.js';

/** How long a circuit is opened for. */
export const readOpening = option.readerOf(option.required(option.duration()));

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

  /**
   * Refuses every call (`forced_open`) until `close` or `reset`; with a duration only for so long: then probes decide.
   * @param duration milliseconds, or a text such as `'5m'`
   * @throws ResilienceOptionsError for what is none
   */
  open(duration?: Duration): void {
    if (duration === undefined) return this.circuit.force('forced_open');
    this.circuit.openFor(readOpening(duration, 'open > duration'));
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

  /** As new: in its initial state, nothing counted. */
  reset(): void {
    this.circuit.reset();
  }
}
