/** Taken when this file is loaded: jest's and vitest's fake timers replace the global later, and would stop a test's own waiting. */
const realSetImmediate = setImmediate;

/** One turn empties all promise chains; the further ones serve code that itself defers by a turn, such as event delivery. */
const TURNS = 3;

/** Resolves once everything that only waits for promises has run. No time passes. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await new Promise<void>((resolve) => realSetImmediate(resolve));
}
