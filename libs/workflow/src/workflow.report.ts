import type { CircuitStateName } from '@nest-resilience/core';
import type { WorkflowDefinition } from './graph/definition.js';
import type { WorkflowMetrics } from './ledger/metrics.js';

/** {@link WorkflowMetrics} and the circuits of this process. */
export interface WorkflowReport extends WorkflowMetrics {
  /** State of each circuit that a node has, by node. A circuit exists from the first call. */
  readonly circuits: Readonly<Record<string, CircuitStateName>>;
}

interface NamedCircuit {
  readonly name: string;
  readonly state: CircuitStateName;
}

export function circuitStates(
  { name: workflow, nodes }: WorkflowDefinition,
  circuits: readonly NamedCircuit[],
): Record<string, CircuitStateName> {
  const states = new Map(circuits.map(({ name, state }) => [name, state]));
  const found = [...nodes.values()].flatMap(({ name, policies }) => {
    const { circuitBreaker } = policies.options;
    if (circuitBreaker === undefined) return [];
    const own = typeof circuitBreaker === 'object' ? circuitBreaker.name : undefined;
    const state = states.get(own ?? `${workflow}.${name}`);
    return state === undefined ? [] : [[name, state] as const];
  });
  return Object.fromEntries(found);
}
