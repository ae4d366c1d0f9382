import { pause } from './client.mjs';

const EVERY_MS = 200;
/** The service tells the time of an opening to the millisecond, give or take one. */
const SAME_OPENING_MS = 500;

/**
 * Counts how often each circuit opened, by reading the circuits while the demo runs. A circuit stays open for seconds, so no
 * opening falls between two looks.
 * @returns {{ stop: () => Map<string, number> }} openings by circuit
 */
export function watchCircuits(client) {
  const openings = new Map();
  const lastOpenedAt = new Map();
  let watching = true;
  const look = async () => {
    while (watching) {
      // A look that fails is made up for by the next one.
      for (const { name, openedAt = null } of await client.circuits().catch(() => [])) {
        if (openedAt === null || openedAt - (lastOpenedAt.get(name) ?? 0) < SAME_OPENING_MS) continue;
        lastOpenedAt.set(name, openedAt);
        openings.set(name, (openings.get(name) ?? 0) + 1);
      }
      await pause(EVERY_MS);
    }
  };
  void look();
  return {
    stop: () => {
      watching = false;
      return openings;
    },
  };
}
