import { circuitFamily } from '../circuit-breaker/circuit-family.js';
import type { CircuitHandle } from '../circuit-breaker/circuit-handle.js';
import type { CircuitSnapshot } from '../circuit-breaker/circuit-snapshot.js';
import type { ResilienceService } from '../nest/resilience.service.js';

export type CircuitView = CircuitSnapshot & { readonly name: string };

/** Of the circuits of one keyed breaker an open list shows this many: keys come from callers, who could make it as long as they like. */
const MAX_SHOWN_KEYS = 50;

const WORST_FIRST: readonly CircuitSnapshot['state'][] = ['forced_open', 'open', 'half_open', 'recovering', 'metrics_only', 'disabled', 'closed']; // prettier-ignore

/** Whose circuits they are. */
type Source = Pick<ResilienceService, 'circuits'>;

/** For routes that anybody may read, worst first: every circuit without a key, and of each keyed breaker the worst. */
export function shownCircuits(source: Source): { readonly total: number; readonly worst: CircuitView[] } {
  const names = publicNames(source);
  const families = new Map<string, CircuitView[]>();
  for (const [circuit, name] of names) {
    const family = circuitFamily(name);
    const members = families.get(family) ?? [];
    if (members.length === 0) families.set(family, members);
    members.push({ ...circuit.snapshot(), name });
  }
  const worst = [...families.values()].flatMap((members) => members.sort(byNeed).slice(0, MAX_SHOWN_KEYS));
  return { total: names.size, worst: worst.sort(byNeed) };
}

function byNeed(one: CircuitView, other: CircuitView): number {
  const states = WORST_FIRST.indexOf(one.state) - WORST_FIRST.indexOf(other.state);
  // Too few calls to be judged is no failure.
  return states || Math.max(0, other.failureRate) - Math.max(0, one.failureRate) || other.failures - one.failures;
}

/** By family the last number, and whose number is which. */
interface Numbers {
  readonly last: Map<string, number>;
  readonly of: WeakMap<CircuitHandle, number>;
}

const numbered = new WeakMap<Source, Numbers>();

/**
 * Names of circuits for routes that anybody may read: the keys of keyed breakers come from arguments, so `Llm.ask[tenant-7]`
 * shows as `Llm.ask[#1]`. A circuit keeps the number with which it was first shown, whatever is called or forgotten meanwhile.
 */
export function publicNames(source: Source): Map<CircuitHandle, string> {
  const { last, of } = numbered.get(source) ?? { last: new Map<string, number>(), of: new WeakMap() };
  numbered.set(source, { last, of });
  const shown = new Map<CircuitHandle, string>();
  for (const circuit of source.circuits()) {
    const { name } = circuit;
    const family = circuitFamily(name);
    let number = of.get(circuit);
    if (family !== name && number === undefined) {
      number = (last.get(family) ?? 0) + 1;
      last.set(family, number);
      of.set(circuit, number);
    }
    shown.set(circuit, number === undefined ? name : `${family}[#${number}]`);
  }
  return shown;
}
