// Sends calls through Retry, CircuitBreaker, Timeout, Fallback and DeadLetter, most of the ways a call can go, and weighs the heap
// between. Needs --expose-gc. argv: calls. Says what it found as one line of JSON, and must then end by itself.
import { setImmediate } from 'node:timers/promises';
import { createPolicy } from '@nest-resilience/core';

const calls = Number(process.argv[2]);
const SAMPLES = 40;
const CALLERS = 50;
const WAITS_EVERY = 1_009;
const HANGS_EVERY = 20_011;

// Nobody reads the stacks, and writing them is most of the work.
Error.stackTraceLimit = 1;

const counts = { good: 0, recovered: 0, rescued: 0, deadLettered: 0, refused: 0, timeouts: 0, waits: 0 };
const deadLetters = { store: async () => `id-${counts.deadLettered++}` };

class Down extends Error {
  constructor(call) {
    super('down');
    this.call = call;
  }
}

const policy = createPolicy({
  name: 'leak',
  retry: {
    maxRetries: 2,
    jitter: 'none',
    budget: false,
    strategy: (_retry, { call = 0 }) => (call % WAITS_EVERY === 0 ? (counts.waits++, 1) : 0),
  },
  circuitBreaker: { window: 10, failureRate: 0.6, recoveryTimeout: 1 },
  timeout: '100ms',
  fallback: (context) => {
    if (context.error.call % 20 === 19) throw new Error('no fallback either');
    if (context.error.code === 'RESILIENCE_CIRCUIT_OPEN') counts.refused++;
    if (context.error.code === 'RESILIENCE_TIMEOUT') counts.timeouts++;
    counts.rescued++;
    return 'fallback';
  },
  deadLetter: 'leak',
  deadLetters,
});

async function method(call, attempt) {
  if (call % HANGS_EVERY === 0) return new Promise(() => undefined);
  const kind = call % 20;
  if (kind < 16 || (kind < 18 && attempt.number > 1)) return 'good';
  throw new Down(call);
}

let next = 0;
async function caller(until) {
  while (next < until) {
    const call = next++;
    try {
      const answer = await policy.execute((attempt) => method(call, attempt));
      if (answer === 'good') counts[call % 20 >= 16 ? 'recovered' : 'good']++;
    } catch {
      // Counted by the sink.
    }
  }
}

async function heapUsed() {
  for (let round = 0; round < 3; round++) {
    await setImmediate();
    globalThis.gc();
  }
  return process.memoryUsage().heapUsed;
}

const startedAt = performance.now();
const heap = [];
for (let sample = 1; sample <= SAMPLES; sample++) {
  const until = Math.round((calls * sample) / SAMPLES);
  await Promise.all(Array.from({ length: CALLERS }, () => caller(until)));
  heap.push([until, await heapUsed()]);
}
const seconds = (performance.now() - startedAt) / 1000;
// A pipe to the parent is not the policies' doing.
const resources = process.getActiveResourcesInfo().filter((name) => !/^(Pipe|TTY)/.test(name));
process.stdout.write(`${JSON.stringify({ calls: next, seconds, counts, heap, resources })}\n`);
