import { circuitFamily } from '../circuit-breaker/circuit-family.js';
import type { CircuitHandle } from '../circuit-breaker/circuit-handle.js';
import type { CircuitSnapshot } from '../circuit-breaker/circuit.js';

export type CircuitView = CircuitSnapshot & { readonly name: string };

/** Of the circuits of one keyed breaker an open list shows this many: keys come from callers, who could make it as long as they like. */
export const MAX_SHOWN_KEYS = 50;

const WORST_FIRST: readonly CircuitSnapshot['state'][] = ['forced_open', 'open', 'half_open', 'metrics_only', 'disabled', 'closed']; // prettier-ignore

/** For routes that anybody may read, worst first: every circuit without a key, and of each keyed breaker the worst. */
export function shownCircuits(circuits: readonly CircuitHandle[]): CircuitView[] {
  const names = publicNames(circuits.map(({ name }) => name));
  const families = new Map<string, CircuitView[]>();
  for (const circuit of circuits) {
    const { name } = circuit;
    const family = circuitFamily(name);
    const members = families.get(family) ?? [];
    if (members.length === 0) families.set(family, members);
    members.push({ ...circuit.snapshot(), name: names.get(name) ?? name });
  }
  return [...families.values()].flatMap((members) => members.sort(byNeed).slice(0, MAX_SHOWN_KEYS)).sort(byNeed);
}

function byNeed(one: CircuitView, other: CircuitView): number {
  const states = WORST_FIRST.indexOf(one.state) - WORST_FIRST.indexOf(other.state);
  return states || other.failureRate - one.failureRate || other.failures - one.failures;
}

/**
 * Names of circuits for routes that anybody may read: the keys of keyed breakers come from arguments, so `Llm.ask[tenant-7]`
 * shows as `Llm.ask[#1]`. Numbers go by the order in which the circuits were made, the same in every answer of this process.
 */
export function publicNames(names: readonly string[]): Map<string, string> {
  const members = new Map<string, number>();
  const shown = new Map<string, string>();
  for (const name of names) {
    const family = circuitFamily(name);
    if (family === name) {
      shown.set(name, name);
      continue;
    }
    const number = (members.get(family) ?? 0) + 1;
    members.set(family, number);
    shown.set(name, `${family}[#${number}]`);
  }
  return shown;
}
