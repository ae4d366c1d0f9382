import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from '@jest/globals';

/** Ten million take a few minutes; fewer show a large leak sooner. */
const CALLS = Number(process.env['LEAK_CALLS'] ?? 10_000_000);
const NO_LIMIT = 2 ** 31 - 1;
/** What one call may leave behind at most: a single pointer would be 8 bytes. */
const BYTES_PER_CALL = 0.25;
/** Compiled code and shapes settle in the first part of a run. */
const SETTLED_AFTER = 0.3;
/** A process that still lives this long after its last line does not end by itself. */
const GRACE_MS = 30_000;

interface Findings {
  readonly calls: number;
  readonly seconds: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly heap: readonly (readonly [calls: number, bytes: number])[];
  readonly resources: readonly string[];
}

beforeAll(() => {
  const dist = fileURLToPath(new URL('../../libs/resilience/dist/index.js', import.meta.url));
  if (!existsSync(dist))
    throw new Error(`${dist} is missing: run \`npm run build\` first, the child runs what is built`);
});

async function run(calls: number): Promise<{ findings: Findings; code: number | null; signal: string | null }> {
  const script = fileURLToPath(new URL('./children/leak-runner.mjs', import.meta.url));
  const child = spawn(process.execPath, ['--expose-gc', script, String(calls)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  let line = '';
  for await (line of createInterface({ input: child.stdout })) break;
  const guard = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
  const [code, signal] = await exited;
  clearTimeout(guard);
  return { findings: JSON.parse(line) as Findings, code, signal };
}

/** Least squares: bytes per call, and how far that may be off. */
function slopeOf(heap: Findings['heap']): { slope: number; error: number } {
  const mean = (numbers: number[]): number => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
  const meanCalls = mean(heap.map(([calls]) => calls));
  const meanBytes = mean(heap.map(([, bytes]) => bytes));
  const spread = heap.reduce((sum, [calls]) => sum + (calls - meanCalls) ** 2, 0);
  const slope = heap.reduce((sum, [calls, bytes]) => sum + (calls - meanCalls) * (bytes - meanBytes), 0) / spread;
  const left = heap.reduce((sum, [calls, bytes]) => sum + (bytes - meanBytes - slope * (calls - meanCalls)) ** 2, 0);
  return { slope, error: Math.sqrt(left / (heap.length - 2) / spread) };
}

describe('retry, circuit breaker, timeout, fallback and dead letter together', () => {
  it(
    'leave nothing behind, however many calls go through them and fail',
    async () => {
      const { findings, code, signal } = await run(CALLS);

      const { calls, seconds, counts, heap, resources } = findings;
      const { slope, error } = slopeOf(heap.slice(Math.floor(heap.length * SETTLED_AFTER)));
      const [first, last] = [heap[0]?.[1] ?? NaN, heap.at(-1)?.[1] ?? NaN].map((bytes) => (bytes / 2 ** 20).toFixed(2));
      process.stdout.write(
        `leak: ${calls.toLocaleString('en-US')} calls in ${seconds.toFixed(0)} s, ${JSON.stringify(counts)}; ` +
          `heap ${first} -> ${last} MB, ${slope.toFixed(4)} +- ${error.toFixed(4)} bytes per call; ` +
          `active resources: ${resources.join(', ') || 'none'}; exit code ${code}\n`,
      );
      expect(calls).toBe(CALLS);
      for (const count of Object.values(counts)) expect(count).toBeGreaterThan(0);
      expect(slope - 3 * error).toBeLessThan(BYTES_PER_CALL);
      expect(resources).toEqual([]);
      expect({ code, signal }).toEqual({ code: 0, signal: null });
    },
    NO_LIMIT,
  );
});
