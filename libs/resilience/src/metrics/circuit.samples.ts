import { circuitFamily } from '../circuit-breaker/circuit-family.js';
import type { Sample } from './scraped-metric.js';

/** What is read of a circuit handle. */
export interface CircuitStats {
  readonly name: string;
  readonly state: string;
  snapshot(): { readonly notPermitted: number };
}

const CIRCUIT_STATES = ['closed', 'open', 'half_open', 'forced_open', 'disabled', 'metrics_only'] as const;

/**
 * One gauge per state, 1 for the present one: states cannot be averaged, but "open on any replica" can be asked.
 * The circuits of a keyed breaker share one name and are counted per state.
 */
export function* circuitStateSamples(circuits: Iterable<CircuitStats>): Generator<Sample> {
  for (const [circuit, members] of families(circuits)) {
    for (const state of CIRCUIT_STATES) {
      yield { labels: { circuit, state }, value: members.filter((member) => member.state === state).length };
    }
  }
}

export function* circuitRejectedSamples(circuits: Iterable<CircuitStats>): Generator<Sample> {
  for (const [circuit, members] of families(circuits)) {
    yield { labels: { circuit }, value: members.reduce((sum, member) => sum + member.snapshot().notPermitted, 0) };
  }
}

function families(circuits: Iterable<CircuitStats>): Map<string, CircuitStats[]> {
  const byName = new Map<string, CircuitStats[]>();
  for (const circuit of circuits) {
    const name = circuitFamily(circuit.name);
    const members = byName.get(name);
    if (members) members.push(circuit);
    else byName.set(name, [circuit]);
  }
  return byName;
}
