import { circuitFamily } from '../circuit-breaker/circuit-family.js';
import type { CircuitSnapshot } from '../circuit-breaker/circuit.js';

export type CircuitView = CircuitSnapshot & { readonly name: string };

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
