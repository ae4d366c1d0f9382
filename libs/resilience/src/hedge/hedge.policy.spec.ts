import { beforeEach, describe, expect, it } from '@jest/globals';
import { from, lastValueFrom, type Observable, toArray } from 'rxjs';

import type { AttemptContext } from '../engine/attempt.js';
import { Pipeline } from '../engine/pipeline.js';
import { createPolicyContext } from '../engine/policy-context.js';
import { createPolicy, type Policy } from '../policy/index.js';
import { type PolicyOptions, readPolicyOptions } from '../policy/policy.options.js';
import { PolicyRegistry } from '../policy/policy-registry.js';
import { FakeClock } from '../testing/fake-clock.js';
import { RecordingEvents } from '../testing/recording-events.js';

let clock: FakeClock;
let events: RecordingEvents;
let attempts: AttemptContext[];

beforeEach(() => {
  clock = new FakeClock();
  events = new RecordingEvents();
  attempts = [];
});

const policyWith = (options: PolicyOptions): Policy => createPolicy({ name: 'llm', ...options, clock, events });
const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.setTimer(resolve, ms));
const reset = (): Error => Object.assign(new Error('reset'), { code: 'ECONNRESET' });

/** A function whose n-th attempt takes so long; a negative time fails after its amount. */
function taking(...durations: number[]) {
  return async (attempt: AttemptContext): Promise<string> => {
    attempts.push(attempt);
    void attempt.signal;
    const duration = durations[attempts.length - 1] ?? 0;
    await sleep(Math.abs(duration));
    if (duration < 0) throw reset();
    return `answer of ${attempt.number}`;
  };
}

const outcomeOf = (answer: Promise<unknown>): Promise<unknown[]> =>
  answer.then(
    (value) => [value, clock.now()],
    (error: Error) => [error.message, clock.now()],
  );

describe.each<[string, { signal?: AbortSignal }]>([
  ['alone', {}],
  ['with a signal', { signal: new AbortController().signal }],
])('A hedged function, called %s', (_how, execute) => {
  it('answers with the faster attempt, and the signal of the other is aborted', async () => {
    const outcome = outcomeOf(policyWith({ hedge: '100ms' }).execute(taking(5000, 50), execute));

    await clock.advance('10s');

    expect(await outcome).toEqual(['answer of 2', 150]);
    expect(attempts.map(({ number, signal }) => [number, signal.aborted])).toEqual([
      [1, true],
      [2, false],
    ]);
    expect(events.names).toEqual(['resilience.hedge.started', 'resilience.hedge.won']);
  });

  it('aborts all attempts when the whole call times out', async () => {
    const options = { hedge: 100, timeout: { each: Infinity, total: 300 } };
    const outcome = outcomeOf(policyWith(options).execute(taking(5000, 5000), execute));

    await clock.advance('1s');

    expect((await outcome)[1]).toBe(300);
    expect(attempts.map(({ signal }) => signal.aborted)).toEqual([true, true]);
    await clock.advance('10s');
    expect(clock.pending).toBe(0);
  });

  it('gives each attempt its own timeout', async () => {
    const options = { hedge: 100, timeout: '150ms' };
    const outcome = outcomeOf(policyWith(options).execute(taking(5000, 100), execute));

    await clock.advance('1s');

    // The first is given up at 150, the second would have been at 250.
    expect(await outcome).toEqual(['answer of 2', 200]);
  });

  it('is retried as a whole when every attempt failed, and hedged again', async () => {
    const options: PolicyOptions = { hedge: 100, retry: { maxRetries: 1, strategy: 'constant', baseDelay: 1000, jitter: 'none' } }; // prettier-ignore
    const outcome = outcomeOf(policyWith(options).execute(taking(-150, -100, 5000, 20), execute));

    await clock.advance('10s');

    expect(await outcome).toEqual(['answer of 4', 1320]);
    expect(events.of('resilience.hedge.won')).toMatchObject([{ attempt: 4 }]);
  });

  it('asks the circuit for each attempt: a hedge it refuses is dropped', async () => {
    const policy = policyWith({ hedge: 100, circuitBreaker: { failureThreshold: 1 } });
    const slow = outcomeOf(policy.execute(taking(500), execute));
    await outcomeOf(policy.execute(() => Promise.reject(reset()), execute));

    await clock.advance('1s');

    expect(await slow).toEqual(['answer of 1', 500]);
    expect(attempts).toHaveLength(1);
    expect(events.names).toContain('resilience.circuit.rejected');
  });

  it('counts one call, however many attempts', async () => {
    const outcome = outcomeOf(policyWith({ hedge: 100, retry: 3 }).execute(taking(5000, 50), execute));

    await clock.advance('10s');

    expect(await outcome).toEqual(['answer of 2', 150]);
    expect(events.names).not.toContain('resilience.retry.scheduled');
    expect(events.names).not.toContain('resilience.retry.recovered');
  });
});

/** A decorated method that is known to answer so, called once. */
function invoke(kind: 'observable' | 'iterable' | 'sync', method: (attempt: AttemptContext) => unknown): unknown {
  const registry = new PolicyRegistry({
    context: createPolicyContext({ clock, events }),
    deadLetters: () => ({ store: async () => undefined }),
  });
  const parts = registry.build('Llm.ask', readPolicyOptions({ hedge: 100 }, 'p'), { attemptIndex: 0 });
  return new Pipeline(parts, kind).invoke(method, undefined, []);
}

async function* tokens(attempt: AttemptContext): AsyncGenerator<string> {
  attempts.push(attempt);
  void attempt.signal;
  await sleep(attempt.number === 1 ? 5000 : 10);
  yield `a${attempt.number}`;
  await sleep(500);
  yield `b${attempt.number}`;
}

describe('A hedged stream', () => {
  it.each<[string, () => Promise<unknown[]>]>([
    [
      'Observable',
      () => lastValueFrom((invoke('observable', (a) => from(tokens(a))) as Observable<unknown>).pipe(toArray())),
    ],
    ['async iterable', () => lastValueFrom(from(invoke('iterable', tokens) as AsyncIterable<unknown>).pipe(toArray()))],
  ])('(%s) is that of the attempt whose first item came first', async (_kind, read) => {
    const items = read();

    await clock.advance('10s');

    expect(await items).toEqual(['a2', 'b2']);
    expect(attempts.map(({ number, signal }) => [number, signal.aborted])).toEqual([
      [1, true],
      [2, false],
    ]);
    expect(events.names).toEqual(['resilience.hedge.started', 'resilience.hedge.won']);
  });
});

describe('A hedged synchronous method', () => {
  it('is called once', async () => {
    let calls = 0;

    expect(invoke('sync', () => ++calls)).toBe(1);
    await clock.advance('1s');

    expect(calls).toBe(1);
  });
});
