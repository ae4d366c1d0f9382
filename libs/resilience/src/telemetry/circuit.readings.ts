import type { BatchObservableResult } from '@opentelemetry/api';

import { circuitFamily } from '../circuit-breaker/circuit-family.js';
import { ATTRIBUTES } from './attributes.js';
import type { Instruments } from './instruments.js';

interface CircuitReading {
  readonly name: string;
  readonly state: string;
  snapshot(): { readonly notPermitted: number };
}

const STATES: readonly string[] = ['closed', 'open', 'half_open', 'forced_open', 'disabled', 'metrics_only'];

/** The circuits of a keyed breaker share one name and are counted per state: keys come from arguments. */
export function readCircuits(
  result: BatchObservableResult,
  instruments: Instruments,
  circuits: Iterable<CircuitReading>,
): void {
  for (const [name, members] of families(circuits)) {
    const circuit = { [ATTRIBUTES.circuit]: name };
    for (const state of STATES) {
      const count = members.filter((member) => member.state === state).length;
      result.observe(instruments.circuitState, count, { ...circuit, [ATTRIBUTES.circuitState]: state });
    }
    const rejections = members.reduce((sum, member) => sum + member.snapshot().notPermitted, 0);
    result.observe(instruments.circuitRejections, rejections, circuit);
  }
}

function families(circuits: Iterable<CircuitReading>): Map<string, CircuitReading[]> {
  const byName = new Map<string, CircuitReading[]>();
  for (const circuit of circuits) {
    const name = circuitFamily(circuit.name);
    const members = byName.get(name);
    if (members === undefined) byName.set(name, [circuit]);
    else members.push(circuit);
  }
  return byName;
}
