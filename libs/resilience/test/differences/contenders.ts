import { jest } from '@jest/globals';
import {
  bulkhead,
  circuitBreaker,
  type CircuitBreakerPolicy,
  handleAll,
  type IBreaker,
  type Policy as CockatielFilter,
} from 'cockatiel';
import Opossum, { type OpossumOptions } from 'opossum';

import type { CircuitBreakerOptions } from '../../src/circuit-breaker/circuit-breaker.options.js';
import type { Clock } from '../../src/engine/clock.js';
import { createPolicy } from '../../src/policy/index.js';
import { RecordingEvents } from '../../src/testing/recording-events.js';

/** What a breaker made of one call. A call that waits has neither been let in nor refused. */
export interface Fate {
  readonly entered: boolean;
  readonly refused: boolean;
}

/** One circuit breaker, whoever wrote it. */
export interface Contender {
  /** Starts a call that ends when its `end` says so. */
  start(): Call;
  /** Whether the last call closed it again. */
  readonly closings: number;
}

export interface Call {
  readonly fate: Fate;
  end(how: 'good' | 'bad' | Error): Promise<Fate>;
}

export function useFakeTime(): void {
  // Promises must go on by themselves: only timers and clocks are faked.
  jest.useFakeTimers({ now: 1_700_000_000_000, doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] });
}

/** Lets milliseconds pass, for the breakers that read the time and for those that set timers. */
export async function pass(ms: number): Promise<void> {
  await jest.advanceTimersByTimeAsync(ms);
  await settled();
}

/** Enough turns for the longest chain of promises of any contender. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

type Execute = (method: () => Promise<string>) => Promise<unknown>;

function contender(execute: Execute, closings: () => number): Contender {
  return {
    start() {
      let entered = false;
      let refused = false;
      let settle: { resolve: (value: string) => void; reject: (error: Error) => void } | undefined;
      const method = (): Promise<string> => {
        entered = true;
        return new Promise((resolve, reject) => (settle = { resolve, reject }));
      };
      const fate = {
        get entered() {
          return entered;
        },
        get refused() {
          return refused;
        },
      };
      execute(method).catch(() => (refused = !entered));
      return {
        fate,
        async end(how) {
          await settled();
          if (how === 'good') settle?.resolve('fine');
          else settle?.reject(how === 'bad' ? new Error('down') : how);
          await settled();
          return { entered, refused };
        },
      };
    },
    get closings() {
      return closings();
    },
  };
}

const fakeClock: Clock = {
  now: () => Date.now(),
  epochNow: () => Date.now(),
  setTimer: (callback, ms) => {
    const timer = setTimeout(callback, ms);
    return { cancel: () => clearTimeout(timer), ref: () => void timer.ref(), unref: () => void timer.unref() };
  },
};

export function ours(options: CircuitBreakerOptions): Contender {
  const events = new RecordingEvents();
  const policy = createPolicy({ circuitBreaker: options, clock: fakeClock, events });
  return contender(
    (method) => policy.execute(method),
    () => events.names.filter((name) => name === 'resilience.circuit.closed').length,
  );
}

export function cockatiel(breaker: IBreaker, halfOpenAfter: number, filter: CockatielFilter = handleAll): Contender {
  const policy: CircuitBreakerPolicy = circuitBreaker(filter, { breaker, halfOpenAfter });
  let closings = 0;
  policy.onReset(() => void closings++);
  return contender(
    (method) => policy.execute(method),
    () => closings,
  );
}

export function opossum(options: OpossumOptions): Contender {
  const breaker = new Opossum((method: () => Promise<string>) => method(), {
    timeout: false,
    enableSnapshots: false,
    ...options,
  });
  let closings = 0;
  (breaker as unknown as NodeJS.EventEmitter).on('close', () => void closings++);
  return contender(
    (method) => breaker.fire(method),
    () => closings,
  );
}

/** Plays one call after the other: `.` is a success, `x` a failure. @returns `-` for a call that was refused */
export async function play(breaker: Contender, outcomes: string): Promise<string> {
  let seen = '';
  for (const outcome of outcomes) {
    const { entered } = await breaker.start().end(outcome === '.' ? 'good' : 'bad');
    seen += entered ? outcome : '-';
  }
  return seen;
}

export function ourBulkhead(maxConcurrent: number, maxQueue: number): Contender {
  const policy = createPolicy({ bulkhead: { maxConcurrent, maxQueue }, clock: fakeClock });
  return contender(
    (method) => policy.execute(method),
    () => 0,
  );
}

export function cockatielBulkhead(limit: number, queue: number): Contender {
  const policy = bulkhead(limit, queue);
  return contender(
    (method) => policy.execute(method),
    () => 0,
  );
}
