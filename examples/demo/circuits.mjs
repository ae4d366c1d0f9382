import { pause } from './client.mjs';

const EVERY_MS = 200;

/**
 * Counts how often each circuit opened, by reading the circuits while the demo runs. A circuit stays open for seconds, so no
 * opening falls between two looks.
 * @returns {{ stop: () => Map<string, number> }} openings by circuit
 */
export function watchCircuits(client) {
  const openedAt = new Map();
  let watching = true;
  const look = async () => {
    while (watching) {
      // A look that fails is made up for by the next one.
      const circuits = await client.circuits().catch(() => []);
      for (const { name, openedAt: at } of circuits) {
        if (at !== undefined && at !== null) openedAt.set(name, (openedAt.get(name) ?? new Set()).add(at));
      }
      await pause(EVERY_MS);
    }
  };
  void look();
  return {
    stop: () => {
      watching = false;
      return new Map([...openedAt].map(([name, times]) => [name, times.size]));
    },
  };
}
