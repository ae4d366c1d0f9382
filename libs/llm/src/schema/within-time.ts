import { createContext, Script } from 'node:vm';

const box: { run: () => unknown; result: unknown } = { run: () => undefined, result: undefined };
// In a context of its own only because the timeout asks for one; what runs comes from here and sees nothing of it.
const context = createContext(box);
const call = new Script('result = run(); undefined');

/** Milliseconds. */
const LIMIT_MS = 100;
/** What had no processor for most of its time is tried again with so many times that. */
const LONGER = 4;

/**
 * Runs what may never end by itself and must be done at once: nothing else can stop a pattern that backtracks, or a schema whose
 * variants double with each level.
 * @returns `undefined` when it was given up
 */
export function withinTime<T>(run: () => T, limitMs = LIMIT_MS): { readonly result: T } | undefined {
  for (let timeout = limitMs; ; timeout *= LONGER) {
    const before = cpuMs();
    Object.assign(box, { run, result: undefined });
    try {
      call.runInContext(context, { timeout });
      return { result: box.result as T };
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
      if (cpuMs() - before >= limitMs / 2) return undefined;
    } finally {
      Object.assign(box, { run: () => undefined, result: undefined });
    }
  }
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
