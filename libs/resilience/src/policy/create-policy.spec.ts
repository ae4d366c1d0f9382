import { AsyncLocalStorage } from 'node:async_hooks';

import { describe, expect, it, jest } from '@jest/globals';
import { firstValueFrom, isObservable, of } from 'rxjs';

import { CircuitHandle } from '../circuit-breaker/circuit-handle.js';
import { CircuitOpenError } from '../circuit-breaker/index.js';
import type { AttemptContext } from '../engine/attempt.js';
import type { FailedCall } from '../engine/dead-letter-sink.js';
import { Pipeline } from '../engine/pipeline.js';
import { createPolicyContext } from '../engine/policy-context.js';
import { FakeClock } from '../testing/fake-clock.js';
import { createPolicy, registerPolicy } from './create-policy.js';
import { PolicyRegistry } from './policy-registry.js';
import { readPolicyOptions } from './policy.options.js';

const down = (): Promise<never> => Promise.reject(new Error('down'));
const caught = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

function deadLetters(): { readonly kept: FailedCall[]; store(call: FailedCall): Promise<string> } {
  const kept: FailedCall[] = [];
  return {
    kept,
    store: async (call) => {
      kept.push(call);
      return `entry-${kept.length}`;
    },
  };
}

describe('createPolicy', () => {
  it('without policies runs the function', async () => {
    const policy = createPolicy({});

    expect(policy.name).toBe('policy');
    expect(await policy.execute(async () => 5)).toBe(5);
    expect(await policy.execute(() => 5)).toBe(5);
    await expect(policy.execute(down)).rejects.toThrow('down');
  });

  it('gives each policy a circuit and a budget of its own', async () => {
    const make = () => createPolicy({ name: 'same', circuitBreaker: { failureThreshold: 1 } });
    const [one, other] = [make(), make()];

    await caught(one.execute(down));

    expect(await caught(one.execute(async () => 1))).toBeInstanceOf(CircuitOpenError);
    expect(await other.execute(async () => 1)).toBe(1);
  });

  it('serves functions of every kind, in any order, with one policy', async () => {
    const policy = createPolicy({ retry: 1, circuitBreaker: true, timeout: '1s' });
    async function* stream(): AsyncGenerator<number> {
      yield 1;
      yield 2;
    }

    for (let round = 0; round < 2; round++) {
      expect(await policy.execute(async () => 'promise')).toBe('promise');
      expect(await policy.execute(() => 'value')).toBe('value');
      const observable = await policy.execute(() => of('observable'));
      expect(isObservable(observable)).toBe(true);
      expect(await firstValueFrom(observable)).toBe('observable');
      const items: number[] = [];
      for await (const item of await policy.execute(stream)) items.push(item);
      expect(items).toEqual([1, 2]);
    }
  });

  it('hands a stream’s function the attempt that the policies act on', async () => {
    const clock = new FakeClock();
    const policy = createPolicy({ clock, timeout: 100 });
    let attempt: AttemptContext | undefined;
    const items = await policy.execute((given) => {
      attempt = given;
      return (async function* () {
        yield await new Promise(() => undefined);
      })();
    });

    const end = caught(items[Symbol.asyncIterator]().next());
    await clock.advance(100);

    expect(await end).toMatchObject({ code: 'RESILIENCE_TIMEOUT' });
    expect(attempt?.signal.aborted).toBe(true);
  });

  it('serves a stream the same way when the call has a signal', async () => {
    const policy = createPolicy({ retry: 1 });
    const { signal } = new AbortController();
    async function* stream(): AsyncGenerator<number> {
      yield 1;
      yield 2;
    }

    const items: number[] = [];
    for await (const item of await policy.execute(stream, { signal })) items.push(item);

    expect(items).toEqual([1, 2]);
  });

  it('keeps the caller’s async context in every attempt and in the fallback', async () => {
    const storage = new AsyncLocalStorage<string>();
    const clock = new FakeClock();
    const seen: unknown[] = [];
    const policy = createPolicy({
      clock,
      retry: 2,
      timeout: 50,
      fallback: () => void seen.push(storage.getStore()),
    });
    const answers = ['a', 'b'].map((name) =>
      storage.run(name, () =>
        policy.execute(({ number }) => {
          seen.push(`${storage.getStore()}${number}`);
          return number === 1 ? new Promise(() => undefined) : down();
        }),
      ),
    );

    await clock.advance('1h');
    await Promise.all(answers);

    expect(seen.filter((one) => one === 'a' || one === 'b').sort()).toEqual(['a', 'b']);
    expect(seen.filter((one) => one !== 'a' && one !== 'b').sort()).toEqual(['a1', 'a2', 'a3', 'b1', 'b2', 'b3']);
  });

  describe('the one order of policies', () => {
    it('each attempt is judged by the circuit; the retry ends when it opens, the fallback answers', async () => {
      const fn = jest.fn(down);
      const sink = deadLetters();
      const policy = createPolicy({
        retry: { maxRetries: 9, strategy: 'immediate' },
        circuitBreaker: { failureThreshold: 3 },
        fallback: { value: 'rescued' },
        deadLetter: true,
        deadLetters: sink,
      });

      expect(await policy.execute(fn)).toBe('rescued');

      expect(fn).toHaveBeenCalledTimes(3);
      expect(sink.kept).toEqual([]);
    });

    it('a dead letter is written once, for what nobody could rescue, with every attempt', async () => {
      const sink = deadLetters();
      const policy = createPolicy({
        name: 'orders',
        retry: { maxRetries: 2, strategy: 'immediate' },
        fallback: () => down(),
        deadLetter: true,
        deadLetters: sink,
      });

      const error = await caught(policy.execute(({ number }) => Promise.reject(new Error(`attempt ${number}`))));

      expect(error).toMatchObject({ message: 'attempt 3' });
      expect(sink.kept).toMatchObject([{ target: 'orders', error, reason: 'failed', args: [] }]);
      expect(sink.kept[0]?.attempts.map(({ number, error }) => [number, (error as Error).message])).toEqual([
        [1, 'attempt 1'],
        [2, 'attempt 2'],
        [3, 'attempt 3'],
      ]);
      expect(sink.kept[0]?.fallbacks).toMatchObject([{ level: 1, error: { message: 'down' } }]);
    });

    it('the wait for a retry is not the time of an attempt', async () => {
      const clock = new FakeClock();
      const policy = createPolicy({ clock, timeout: 100, retry: { baseDelay: '1m', maxDelay: '1h', jitter: 'none' } });

      const answer = policy.execute(({ number }) => (number < 3 ? down() : Promise.resolve(number)));
      await clock.advance('1h');

      expect(await answer).toBe(3);
    });

    it('every attempt that a circuit and a retry both judge by its result counts in the circuit', async () => {
      const policy = createPolicy({
        retry: { maxRetries: 2, strategy: 'immediate', retryOnResult: (result: unknown) => result === 'bad' },
        circuitBreaker: { failureThreshold: 3, recordResult: (result: unknown) => result === 'bad' },
      });

      expect(await policy.execute(async () => 'bad')).toBe('bad');

      expect(await caught(policy.execute(async () => 'good'))).toBeInstanceOf(CircuitOpenError);
    });
  });

  describe('a function of the user’s that throws', () => {
    const broken = (): never => {
      throw new Error('broken predicate');
    };

    it.each(['recordOn', 'ignoreOn', 'recoveryTimeout'])('%s: the call ends with its own error', async (name) => {
      const circuitBreaker = { failureThreshold: 1, [name]: broken };

      await expect(createPolicy({ circuitBreaker }).execute(down)).rejects.toThrow('down');
    });

    it('recordResult: the call answers', async () => {
      const circuitBreaker = { failureThreshold: 1, recordResult: broken };

      expect(await createPolicy({ circuitBreaker }).execute(async () => 'ok')).toBe('ok');
    });

    it.each(['retryOn', 'abortOn', 'strategy', 'retryOnResult'])(
      '%s: the call ends, it does not hang',
      async (name) => {
        const policy = createPolicy({ retry: { maxRetries: 1, baseDelay: 0, [name]: broken } });

        const outcomes = await Promise.allSettled([
          policy.execute(down),
          policy.execute(name === 'retryOnResult' ? async () => 'ok' : down),
        ]);

        expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      },
    );

    it('key: the call rejects', async () => {
      const policy = createPolicy({ circuitBreaker: { failureThreshold: 1, key: broken } });

      await expect(policy.execute(async () => 'ok')).rejects.toThrow('broken predicate');
    });
  });

  it('pain 6: half-open stampede: of 50 calls at once one enters, 49 are refused at once', async () => {
    const clock = new FakeClock();
    const policy = createPolicy({ clock, circuitBreaker: { failureThreshold: 1, recoveryTimeout: '10s' } });
    await caught(policy.execute(down));
    await clock.advance('10s');
    const fn = jest.fn(() => new Promise((resolve) => clock.setTimer(() => resolve('up'), 100)));

    const answers = Promise.allSettled(Array.from({ length: 50 }, () => policy.execute(fn)));
    await clock.advance('1s');

    const rejected = (await answers).filter((answer) => answer.status === 'rejected');
    expect(fn).toHaveBeenCalledTimes(1);
    expect(rejected).toHaveLength(49);
    expect(rejected.every(({ reason }) => reason instanceof CircuitOpenError)).toBe(true);
    expect(await policy.execute(async () => 'closed again')).toBe('closed again');
  });

  it('an aborted probe gives its place back', async () => {
    const clock = new FakeClock();
    const policy = createPolicy({ clock, circuitBreaker: { failureThreshold: 1, recoveryTimeout: '10s' } });
    await caught(policy.execute(down));
    await clock.advance('10s');
    const caller = new AbortController();
    const probe = caught(policy.execute(() => new Promise(() => undefined), { signal: caller.signal }));
    expect(await caught(policy.execute(async () => 1))).toBeInstanceOf(CircuitOpenError);

    caller.abort('gone');
    await probe;

    expect(await policy.execute(async () => 'up')).toBe('up');
  });
});

describe('a stream through a policy', () => {
  /** Fails this often before its first item. */
  const items = (failures: number) =>
    async function* () {
      if (failures-- > 0) throw new Error('down');
      yield* ['a', 'b'];
    };
  const read = async (stream: AsyncIterable<string>) => {
    const seen: string[] = [];
    for await (const item of stream) seen.push(item);
    return seen;
  };
  const retry = { maxRetries: 2, baseDelay: 0 };

  it('is begun anew until its first item, and may be promised', async () => {
    const source = items(2);

    expect(await read(createPolicy({ retry }).stream(source))).toEqual(['a', 'b']);
    expect(await read(createPolicy({}).stream(async () => items(0)()))).toEqual(['a', 'b']);
  });

  it('is not begun anew once it was seen', async () => {
    const source = jest.fn(async function* () {
      yield 'a';
      throw new Error('broke');
    });
    const stream = createPolicy({ retry, fallback: { value: 'instead' } }).stream(source);

    expect(await stream.next()).toEqual({ done: false, value: 'a' });
    await expect(stream.next()).rejects.toThrow('broke');
    expect(source).toHaveBeenCalledTimes(1);
  });

  it('tells its circuit how it ended', async () => {
    const policy = createPolicy({ circuitBreaker: { failureThreshold: 1 } });

    await caught(read(policy.stream(items(1))));

    await expect(read(policy.stream(items(0)))).rejects.toBeInstanceOf(CircuitOpenError);
  });

  it('ends with the signal, and lets its source go when it is left', async () => {
    const caller = new AbortController();
    const signals: AbortSignal[] = [];
    const endless = async function* ({ signal }: AttemptContext) {
      signals.push(signal);
      for (;;) yield 'a';
    };
    const policy = createPolicy({ retry });

    for await (const _ of policy.stream(endless)) break;
    const aborted = policy.stream(endless, { signal: caller.signal });
    await aborted.next();
    caller.abort(new Error('enough'));

    await expect(aborted.next()).rejects.toThrow('enough');
    expect(signals.map(({ aborted: isAborted }) => isAborted)).toEqual([true, true]);
  });

  it('calls nothing before it is read, and throws there what it cannot use', async () => {
    const source = jest.fn(items(0));
    createPolicy({}).stream(source);

    await expect(
      createPolicy({})
        .stream(5 as never)
        .next(),
    ).rejects.toThrow('execute > fn: got 5');
    expect(source).not.toHaveBeenCalled();
  });
});

describe('onAttempt', () => {
  it('is told of each attempt, with its time and its error', async () => {
    const clock = new FakeClock();
    const policy = createPolicy({ clock, retry: { maxRetries: 2, baseDelay: '1s', jitter: 'none' } });
    const ended: unknown[] = [];
    const fn = ({ number }: AttemptContext) => (number < 2 ? down() : 'ok');

    const answer = policy.execute(fn, { onAttempt: (attempt) => ended.push(attempt) });
    await clock.advance('1s');

    expect(await answer).toBe('ok');
    expect(ended).toEqual([
      { number: 1, startedAt: clock.epochNow() - 1000, durationMs: 0, error: new Error('down') },
      { number: 2, startedAt: clock.epochNow(), durationMs: 0, error: undefined },
    ]);
  });

  it('is told of one that is given up when it is, once', async () => {
    const clock = new FakeClock();
    const ended: { error?: unknown; durationMs: number }[] = [];
    let release = (): void => undefined;
    const answer = createPolicy({ clock, timeout: '2s' }).execute(() => new Promise<void>((done) => (release = done)), {
      onAttempt: (attempt) => ended.push(attempt),
    });
    const error = caught(answer);

    await clock.advance('2s');
    release();

    expect(await error).toMatchObject({ code: 'RESILIENCE_TIMEOUT' });
    expect(ended).toMatchObject([{ durationMs: 2000, error: { code: 'RESILIENCE_TIMEOUT' } }]);
  });

  it('is told of streams, and cannot break a call', async () => {
    const numbers: number[] = [];
    const stream = createPolicy({}).stream(
      async function* () {
        yield 1;
      },
      {
        onAttempt: ({ number }) => {
          numbers.push(number);
          throw new Error('mine');
        },
      },
    );

    for await (const item of stream) expect(item).toBe(1);
    expect(numbers).toEqual([1]);
  });
});

describe('policies of one registry', () => {
  const registry = (warn?: (message: string) => void): PolicyRegistry =>
    new PolicyRegistry({
      context: createPolicyContext({ clock: new FakeClock() }),
      deadLetters: () => deadLetters(),
      ...(warn && { warn }),
    });

  it('with one circuit name share its state', async () => {
    const shared = registry();
    const circuitBreaker = { name: 'llm', failureThreshold: 1 };
    const one = registerPolicy(shared, { name: 'ask', circuitBreaker });
    const other = registerPolicy(shared, { name: 'embed', circuitBreaker });

    await caught(one.execute(down));

    expect(await caught(other.execute(async () => 1))).toMatchObject({ circuit: 'llm', state: 'open' });
    expect([...shared.states.circuitBreaker.all()].map(({ name }) => name)).toEqual(['llm']);
  });

  it('are told when two declarations of one circuit disagree; the first wins', () => {
    const warn = jest.fn();
    const shared = registry(warn);

    registerPolicy(shared, { name: 'a', circuitBreaker: { name: 'llm', failureThreshold: 1 } });
    registerPolicy(shared, { name: 'b', circuitBreaker: { name: 'llm', failureThreshold: 1 } });
    expect(warn).not.toHaveBeenCalled();
    registerPolicy(shared, { name: 'c', circuitBreaker: { name: 'llm', failureThreshold: 2 } });

    expect(warn).toHaveBeenCalledWith(expect.stringContaining("Circuit 'llm' is declared twice"));
  });

  it('take an operator’s word', async () => {
    const shared = registry();
    const policy = registerPolicy(shared, { name: 'llm', circuitBreaker: { failureThreshold: 1 } });
    const [circuit] = shared.states.circuitBreaker.all();
    const handle = new CircuitHandle(circuit!);

    handle.open();
    expect(await caught(policy.execute(async () => 1))).toMatchObject({ state: 'forced_open' });
    handle.disable();
    await Promise.allSettled([policy.execute(down), policy.execute(down)]);
    expect(await policy.execute(async () => 1)).toBe(1);
    handle.metricsOnly();
    await caught(policy.execute(down));
    expect(handle.snapshot()).toMatchObject({ state: 'metrics_only', failures: 1 });
    handle.close();
    await caught(policy.execute(down));
    expect(handle.state).toBe('open');
  });

  it('count calls, not attempts', async () => {
    const shared = registry();
    const policy = registerPolicy(shared, { name: 'llm', retry: { maxRetries: 2, strategy: 'immediate' } });

    await policy.execute(async () => 1);
    await policy.execute(({ number }) => (number < 3 ? down() : Promise.resolve(1)));
    await caught(policy.execute(down));
    await policy.execute(() => 1);

    expect(shared.stats.get('llm')?.snapshot()).toMatchObject({
      total: 4,
      successful: 3,
      failed: 1,
      successRate: 0.75,
      retryRate: 0.5,
      averageAttempts: 2,
    });
  });

  it('a method that turns out to be synchronous has its results judged from the first call on', () => {
    const retry = {
      maxRetries: 1,
      strategy: 'immediate',
      retryOnResult: (result: unknown) => result === 'bad',
    } as const;
    const method = jest.fn(() => 'bad');
    const pipeline = new Pipeline(
      registry().build('Sync.method', readPolicyOptions({ retry }, 'p'), { attemptIndex: -1 }),
      'unknown',
    );

    expect(pipeline.invoke(method, undefined, [])).toBe('bad');

    expect(method).toHaveBeenCalledTimes(2);
  });
});
