import type { Sample } from './scraped-metric.js';

/** What is read of a circuit handle. */
export interface CircuitStats {
  readonly name: string;
  readonly state: string;
  snapshot(): { readonly failureRate: number; readonly notPermitted: number };
}

const CIRCUIT_STATES = ['closed', 'open', 'half_open', 'forced_open', 'disabled', 'metrics_only'] as const;

/** One gauge per state, 1 for the present one: states cannot be averaged, but "open on any replica" can be asked. */
export function* circuitStateSamples(circuits: Iterable<CircuitStats>): Generator<Sample> {
  for (const { name: circuit, state: present } of circuits) {
    for (const state of CIRCUIT_STATES) yield { labels: { circuit, state }, value: state === present ? 1 : 0 };
  }
}

export function* circuitRejectedSamples(circuits: Iterable<CircuitStats>): Generator<Sample> {
  for (const circuit of circuits) yield { labels: { circuit: circuit.name }, value: circuit.snapshot().notPermitted };
}
