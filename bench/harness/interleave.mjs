import { setImmediate as nextTurn } from 'node:timers/promises';

import { Results } from './statistics.mjs';

/** Shorter than the time that an operating system lets a busy neighbour run: most slices are then undisturbed. */
const SLICE_MS = 1;
const WARM_UP_ROUNDS = 30;

/**
 * Times contenders in short slices that take turns, so that all of them meet the same machine.
 *
 * A contender is `{ name, call, inFlight?, sync? }`: `call(i)` is awaited unless `sync`; `inFlight` calls run at a time (1).
 * Samples are nanoseconds per call by the clock; `results.cpu` has those of this process' processor time, which a busy neighbour disturbs less.
 */
export async function interleave(contenders, { rounds = 300 } = {}) {
  const runners = contenders.map((contender) => ({ name: contender.name, run: runnerOf(contender), calls: 200 }));
  for (let round = 0; round < WARM_UP_ROUNDS; round++) {
    for (const runner of runners) {
      const { ms } = await slice(runner);
      const fitting = (runner.calls * SLICE_MS) / Math.max(ms, 0.01);
      // Rounded to hundreds so that every batch of calls in flight is full.
      runner.calls = Math.max(100, Math.round(Math.min(fitting, runner.calls * 4) / 100) * 100);
    }
  }
  const results = new Results();
  results.cpu = new Results();
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < runners.length; turn++) {
      const runner = runners[(round + turn) % runners.length];
      const { ms, cpuUs } = await slice(runner);
      results.add(runner.name, (ms * 1e6) / runner.calls);
      results.cpu.add(runner.name, (cpuUs * 1e3) / runner.calls);
    }
  }
  return results;
}

async function slice({ run, calls }) {
  // What a contender left for the event loop (timers, immediates) is not billed to the next one.
  await nextTurn();
  const before = process.cpuUsage();
  const startedAt = performance.now();
  await run(calls);
  const ms = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(before);
  return { ms, cpuUs: user + system };
}

function runnerOf({ call, inFlight = 1, sync = false }) {
  const loop = loopOf(call, sync);
  if (inFlight === 1) return loop;
  return (calls) => Promise.all(Array.from({ length: inFlight }, () => loop(calls / inFlight)));
}

/** Compiled once per contender: in one shared loop the call would be megamorphic, and nobody's code calls that way. */
function loopOf(call, sync) {
  const body = sync ? 'call(i)' : 'await call(i)';
  return new Function('call', `return async (calls) => { for (let i = 0; i < calls; i++) ${body}; };`)(call);
}
