/** What the helpers need of a `ResilienceService`. */
export interface CircuitSwitchboard {
  circuit(name: string): { open(): void };
  circuits(): Iterable<{ disable(): void }>;
}

/**
 * Makes a circuit refuse every call.
 * @throws ResilienceError when there is no such circuit; one exists from the first call of its method
 */
export function forceOpen(resilience: CircuitSwitchboard, name: string): void {
  resilience.circuit(name).open();
}

/** Makes every circuit that exists now admit everything and record nothing. */
export function disableAll(resilience: CircuitSwitchboard): void {
  for (const circuit of resilience.circuits()) circuit.disable();
}
