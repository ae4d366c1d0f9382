import { describe, expect, it } from '@jest/globals';

import { createPolicyContext } from '../engine/policy-context.js';
import { FakeClock } from '../testing/fake-clock.js';
import { CircuitOpenError } from './circuit-breaker.errors.js';
import {
  type CircuitBreakerOptions,
  DEFAULT_CIRCUIT_BREAKER_OPTIONS,
  readCircuitBreakerOptions,
} from './circuit-breaker.options.js';
import { CircuitHandle } from './circuit-handle.js';
import { Circuit } from './circuit.js';
import { CircuitRules } from './circuit-rules.js';

const FAILURE = new Error('down');

/** A circuit and what a caller does with it, by hand. */
class Bench {
  readonly clock = new FakeClock();
  readonly events: [string, Record<string, unknown>][] = [];
  readonly circuit: Circuit;
  readonly handle: CircuitHandle;

  constructor(options: CircuitBreakerOptions = {}) {
    const events = {
      listens: () => true,
      emit: (name: string, payload: object) =>
        void this.events.push([name.replace('resilience.circuit.', ''), payload as Record<string, unknown>]),
    };
    const context = createPolicyContext({ clock: this.clock, events });
    this.circuit = new Circuit('llm', new CircuitRules(readCircuitBreakerOptions(options, 'spec'), context));
    this.handle = new CircuitHandle(this.circuit);
  }

  get state(): string {
    return this.circuit.state;
  }

  start(): { readonly permit: number; readonly at: number } {
    const at = this.clock.now();
    return { permit: this.circuit.tryAcquire(at), at };
  }

  succeed({ permit, at }: { permit: number; at: number }, value: unknown = 'ok'): void {
    this.circuit.succeed(permit, at, this.clock.now(), value);
  }

  fail({ permit, at }: { permit: number; at: number }, error: unknown = FAILURE): void {
    this.circuit.fail(permit, at, this.clock.now(), error);
  }

  /** `.` is a success, `x` a failure, `s` a success after 2 s, `X` a failure after 2 s. */
  async play(outcomes: string): Promise<this> {
    for (const outcome of outcomes) {
      const call = this.start();
      if (outcome === 's' || outcome === 'X') await this.clock.advance('2s');
      if (outcome === '.' || outcome === 's') this.succeed(call);
      else this.fail(call);
    }
    return this;
  }
}

describe('the options of @CircuitBreaker', () => {
  const resolve = (options?: CircuitBreakerOptions) => readCircuitBreakerOptions(options, 'p');

  it('have these defaults', () => {
    expect(DEFAULT_CIRCUIT_BREAKER_OPTIONS).toEqual({
      window: { type: 'count', size: 20 },
      failureThreshold: 5,
      failureRate: 0.5,
      minimumCalls: 5,
      slowCallRate: 1,
      recoveryTimeout: 60_000,
      initialState: 'closed',
      halfOpenCalls: 1,
      successThreshold: 1,
      halfOpenTimeout: 60_000,
      maxKeys: 10_000,
    });
    expect(resolve()).toEqual({
      ...DEFAULT_CIRCUIT_BREAKER_OPTIONS,
      name: undefined,
      slowCallDuration: Infinity,
      recordOn: undefined,
      ignoreOn: undefined,
      recordResult: undefined,
      key: undefined,
    });
  });

  it.each<[CircuitBreakerOptions, object]>([
    [{ failureThreshold: 3 }, { type: 'consecutive' }],
    [{ window: 'consecutive' }, { type: 'consecutive' }],
    [{ window: { type: 'consecutive' } }, { type: 'consecutive' }],
    [{ window: 'count' }, { type: 'count', size: 20 }],
    [{ window: { type: 'count' } }, { type: 'count', size: 20 }],
    [{ window: 50 }, { type: 'count', size: 50 }],
    [{ window: '30s' }, { type: 'time', durationMs: 30_000 }],
    [{ window: { type: 'time', duration: '1m' } }, { type: 'time', durationMs: 60_000 }],
    [{ failureRate: 0.3 }, { type: 'count', size: 20 }],
  ])('%j judges %j', (options, window) => {
    expect(resolve(options).window).toEqual(window);
  });
});

describe('a circuit with a consecutive window', () => {
  it.each([
    ['xxxx', 'closed'],
    ['xxxxx', 'open'],
    ['xxxx.xxxx', 'closed'],
    ['....xxxxx', 'open'],
    ['xx.xx.xxxxx', 'open'],
  ])('after %s is %s', async (outcomes, state) => {
    const bench = await new Bench({ failureThreshold: 5 }).play(outcomes);

    expect(bench.state).toBe(state);
  });
});

describe('a circuit with a count window', () => {
  it.each<[CircuitBreakerOptions, string, string]>([
    [{}, 'xxxx', 'closed'],
    [{}, 'xxxxx', 'open'],
    [{}, 'xx..', 'closed'],
    [{}, 'xx...', 'closed'],
    [{}, 'xxx..', 'open'],
    [{ minimumCalls: 4 }, 'xx..', 'open'],
    [{ minimumCalls: 4 }, '...x', 'closed'],
    [{ minimumCalls: 1 }, 'x', 'open'],
    [{ failureRate: 1 }, 'xxxxx', 'open'],
    [{ failureRate: 1 }, '.xxxxxxxxxxxxxxxxxxx', 'closed'],
    [{ failureRate: 1 }, '.xxxxxxxxxxxxxxxxxxxx', 'open'],
    [{ failureRate: 0.25, minimumCalls: 8 }, 'x......', 'closed'],
    [{ failureRate: 0.25, minimumCalls: 8 }, 'xx.....', 'closed'],
    [{ failureRate: 0.25, minimumCalls: 8 }, 'xx......', 'open'],
    [{ window: { type: 'count', size: 3 }, minimumCalls: 100 }, 'xxx', 'open'],
    [{ window: { type: 'count', size: 3 }, minimumCalls: 100 }, 'xx', 'closed'],
    [{ window: { type: 'count', size: 31 }, minimumCalls: 31 }, '...............xxxxxxxxxxxxxxxx', 'open'],
    [{ window: { type: 'count', size: 4 }, minimumCalls: 4, failureRate: 0.75 }, 'xx..xx.', 'closed'],
    [{ window: { type: 'count', size: 4 }, minimumCalls: 4, failureRate: 0.75 }, 'xx..xxx', 'open'],
  ])('%j after %s is %s', async (options, outcomes, state) => {
    expect((await new Bench(options).play(outcomes)).state).toBe(state);
  });

  it('pain 8: does not open at the first failure', async () => {
    expect((await new Bench().play('x')).state).toBe('closed');
  });

  it('forgets exactly what is older than its size', async () => {
    const bench = await new Bench({ window: { type: 'count', size: 62 }, failureRate: 1 }).play('x'.repeat(4));

    await bench.play('.'.repeat(58));
    expect(bench.circuit.snapshot()).toMatchObject({ calls: 62, failures: 4 });
    await bench.play('.');
    expect(bench.circuit.snapshot()).toMatchObject({ calls: 62, failures: 3 });
    await bench.play('...');
    expect(bench.circuit.snapshot()).toMatchObject({ calls: 62, failures: 0 });
  });
});

describe('a circuit with a time window', () => {
  const options: CircuitBreakerOptions = { window: { type: 'time', duration: '10s' } };

  it('judges what happened lately', async () => {
    expect((await new Bench(options).play('xx.xx')).state).toBe('open');
  });

  it('does not clip minimumCalls', async () => {
    const bench = await new Bench({ ...options, minimumCalls: 100 }).play('x'.repeat(99));

    expect(bench.state).toBe('closed');
    await bench.play('x');
    expect(bench.state).toBe('open');
  });

  it('forgets in steps of a tenth of its duration', async () => {
    const bench = await new Bench(options).play('xx');
    await bench.clock.advance('5s');
    await bench.play('x.');
    expect(bench.circuit.snapshot()).toMatchObject({ calls: 4, failures: 3 });

    await bench.clock.advance('5s');
    expect(bench.circuit.snapshot()).toMatchObject({ calls: 2, failures: 1 });
    await bench.clock.advance('5s');
    expect(bench.circuit.snapshot()).toMatchObject({ calls: 0, failures: 0 });
  });

  it('starts afresh after a long silence', async () => {
    const bench = await new Bench(options).play('xxxx');

    await bench.clock.advance('1d');
    await bench.play('xxxx');

    expect(bench.state).toBe('closed');
    expect(bench.circuit.snapshot()).toMatchObject({ calls: 4, failures: 4 });
  });
});

describe('slow calls', () => {
  it.each<[CircuitBreakerOptions, string, string]>([
    [{ slowCallDuration: '1s' }, 'sssss', 'open'],
    [{ slowCallDuration: '1s' }, 'ssss', 'closed'],
    [{ slowCallDuration: '1s' }, 'ssss.', 'closed'],
    [{ slowCallDuration: '2s' }, 'sssss', 'closed'],
    [{ slowCallDuration: '1s', slowCallRate: 0.6 }, 'sss..', 'open'],
    [{ slowCallDuration: '1s', slowCallRate: 0.6 }, 'ss...', 'closed'],
    [{ slowCallDuration: '1s', slowCallRate: 0.6 }, 'XXs..', 'open'],
    [{ slowCallDuration: '1s', failureRate: 1 }, 'XXXX.', 'closed'],
    [{}, 'sssss', 'closed'],
    [{ window: '1m', slowCallDuration: '1s' }, 'sssss', 'open'],
  ])('%j after %s: %s', async (options, outcomes, state) => {
    expect((await new Bench(options).play(outcomes)).state).toBe(state);
  });
});

describe('an open circuit', () => {
  const opened = (options: CircuitBreakerOptions = {}): Promise<Bench> =>
    new Bench({ failureThreshold: 1, ...options }).play('x');

  it('refuses, says until when, and records nothing', async () => {
    const bench = await opened({ recoveryTimeout: '30s' });
    await bench.clock.advance('10s');
    const before = bench.circuit.snapshot();

    const call = bench.start();
    const error = bench.circuit.rejection(bench.clock.now());

    expect(call.permit).toBeLessThan(0);
    expect(error).toBeInstanceOf(CircuitOpenError);
    expect(error).toMatchObject({
      code: 'RESILIENCE_CIRCUIT_OPEN',
      circuit: 'llm',
      state: 'open',
      retryAfterMs: 20_000,
      message: "Circuit 'llm' is open; next probe in 20000 ms",
    });
    expect(bench.circuit.snapshot()).toEqual({ ...before, notPermitted: 1 });
  });

  it('becomes half open when its time has come, not earlier, without a timer', async () => {
    const bench = await opened({ recoveryTimeout: '30s' });

    await bench.clock.advance(29_999);
    expect([bench.state, bench.start().permit]).toEqual(['open', -1]);
    await bench.clock.advance(1);
    expect(bench.state).toBe('half_open');
    expect(bench.clock.pending).toBe(0);
  });

  it('waits a minute by default', async () => {
    const bench = await opened();

    await bench.clock.advance(59_999);
    expect(bench.state).toBe('open');
    await bench.clock.advance(1);
    expect(bench.state).toBe('half_open');
  });

  it('waits longer each time it opens again, and forgets that when it closed', async () => {
    const bench = await opened({ recoveryTimeout: (times) => `${times * 10}s` });
    const waits: number[] = [];
    for (const outcome of 'xx.x') {
      waits.push(bench.circuit.snapshot().retryAfterMs);
      await bench.clock.advance(waits.at(-1)!);
      await bench.play(outcome);
      if (outcome === '.') await bench.play('x');
    }
    waits.push(bench.circuit.snapshot().retryAfterMs);

    expect(waits).toEqual([10_000, 20_000, 30_000, 10_000, 20_000]);
  });

  it.each([NaN, -5, 'soon', undefined])('waits a minute when its own function answers %p', async (answer) => {
    const bench = await opened({ recoveryTimeout: (() => answer) as never });

    expect(bench.circuit.snapshot().retryAfterMs).toBe(60_000);
  });

  it('waits a minute when its own function throws', async () => {
    const bench = await opened({
      recoveryTimeout: () => {
        throw new Error('broken');
      },
    });

    expect(bench.circuit.snapshot()).toMatchObject({ state: 'open', retryAfterMs: 60_000 });
  });
});

describe('pain 6: half open', () => {
  const halfOpen = async (options: CircuitBreakerOptions = {}): Promise<Bench> => {
    const bench = await new Bench({ failureThreshold: 1, recoveryTimeout: '10s', ...options }).play('x');
    await bench.clock.advance('10s');
    return bench;
  };

  it.each([1, 2, 7])('of 50 calls at once exactly %i are admitted, the others rejected', async (halfOpenCalls) => {
    const bench = await halfOpen({ halfOpenCalls });

    const admitted = Array.from({ length: 50 }, () => bench.start()).filter(({ permit }) => permit >= 0);

    expect(admitted).toHaveLength(halfOpenCalls);
    expect(bench.circuit.snapshot()).toMatchObject({ state: 'half_open', notPermitted: 50 - halfOpenCalls });
    expect(bench.circuit.rejection(bench.clock.now())).toMatchObject({ state: 'half_open', retryAfterMs: 0 });
  });

  it('closes with an empty window after one success', async () => {
    const bench = await (await halfOpen()).play('.');

    expect(bench.circuit.snapshot()).toMatchObject({ state: 'closed', calls: 0, failures: 0, openedAt: undefined });
  });

  it('needs successThreshold successes, one after the other where one probe is allowed', async () => {
    const bench = await halfOpen({ successThreshold: 3 });

    await bench.play('..');
    expect(bench.state).toBe('half_open');
    await bench.play('.');
    expect(bench.state).toBe('closed');
  });

  it('opens again at any failed probe, whatever succeeded before', async () => {
    const bench = await halfOpen({ successThreshold: 3, halfOpenCalls: 3 });
    const probes = [bench.start(), bench.start(), bench.start()];

    bench.succeed(probes[0]!);
    bench.succeed(probes[1]!);
    bench.fail(probes[2]!);

    expect(bench.state).toBe('open');
    expect(bench.circuit.snapshot().retryAfterMs).toBe(10_000);
  });

  it('gives the place of a probe that ended to the next', async () => {
    const bench = await halfOpen({ successThreshold: 9, halfOpenCalls: 2 });
    const first = bench.start();
    bench.start();
    expect(bench.start().permit).toBe(-1);

    bench.succeed(first);

    expect(bench.start().permit).toBeGreaterThanOrEqual(0);
    expect(bench.start().permit).toBe(-1);
  });

  it.each(['ignored', 'released'])('gives the place of a probe that was %s to the next, undecided', async (how) => {
    const bench = await halfOpen({ ignoreOn: RangeError });
    const probe = bench.start();

    if (how === 'ignored') bench.fail(probe, new RangeError());
    else bench.circuit.release(probe.permit, probe.at);

    expect(bench.state).toBe('half_open');
    expect(bench.start().permit).toBeGreaterThanOrEqual(0);
  });

  it('takes a hung probe for failed at the moment it was due, however late anybody looks', async () => {
    const bench = await halfOpen({ halfOpenTimeout: '5s' });
    bench.start();

    await bench.clock.advance(4999);
    expect(bench.state).toBe('half_open');
    await bench.clock.advance(3001);
    expect(bench.circuit.snapshot()).toMatchObject({ state: 'open', retryAfterMs: 7000 });
    await bench.clock.advance(7000);
    expect(bench.start().permit).toBeGreaterThanOrEqual(0);
  });

  it('opens again at the very moment a hung probe is due', async () => {
    const bench = await halfOpen({ halfOpenTimeout: '5s' });
    bench.start();

    await bench.clock.advance('5s');

    expect(bench.circuit.snapshot()).toMatchObject({ state: 'open', retryAfterMs: 10_000 });
  });

  it.each(['late success', 'late failure'])(
    'drops the %s of a hung probe, also when nobody looked before',
    async (how) => {
      const bench = await halfOpen({ halfOpenTimeout: '5s' });
      const probe = bench.start();
      await bench.clock.advance('6s');

      if (how === 'late success') bench.succeed(probe);
      else bench.fail(probe);

      expect(bench.circuit.snapshot()).toMatchObject({ state: 'open', retryAfterMs: 9000 });
    },
  );

  it('a hung probe never jams it: the next one may close it', async () => {
    const bench = await halfOpen({ halfOpenTimeout: '5s' });
    bench.start();

    await bench.clock.advance('15s');
    await bench.play('.');

    expect(bench.state).toBe('closed');
  });
});

describe('pain 7: results of an older generation are dropped', () => {
  it('a failure from before it opened does not count after it closed', async () => {
    const bench = new Bench({ failureThreshold: 1, recoveryTimeout: '10s' });
    const old = bench.start();
    await bench.play('x');
    await bench.clock.advance('10s');
    await bench.play('.');

    bench.fail(old);

    expect(bench.circuit.snapshot()).toMatchObject({ state: 'closed', calls: 0, failures: 0 });
  });

  it('a success from before it opened does not close it half open', async () => {
    const bench = new Bench({ failureThreshold: 1, recoveryTimeout: '10s' });
    const old = bench.start();
    await bench.play('x');
    await bench.clock.advance('10s');
    expect(bench.state).toBe('half_open');

    bench.succeed(old);

    expect(bench.state).toBe('half_open');
  });

  it('a success from before it opened does not touch it open', async () => {
    const bench = new Bench({ failureThreshold: 1 });
    const old = bench.start();
    await bench.play('x');

    bench.succeed(old);

    expect(bench.state).toBe('open');
  });

  it('a probe of one half-open phase says nothing in the next', async () => {
    const bench = await new Bench({ failureThreshold: 1, recoveryTimeout: '10s', halfOpenCalls: 2 }).play('x');
    await bench.clock.advance('10s');
    const old = bench.start();
    bench.fail(bench.start());
    await bench.clock.advance('10s');
    expect(bench.state).toBe('half_open');

    bench.succeed(old);

    expect(bench.state).toBe('half_open');
    expect([bench.start(), bench.start(), bench.start()].map(({ permit }) => permit >= 0)).toEqual([true, true, false]);
  });

  it('an operator’s reset begins a new generation too', () => {
    const bench = new Bench({ failureThreshold: 1 });
    const old = bench.start();

    bench.handle.reset();
    bench.fail(old);

    expect(bench.state).toBe('closed');
  });
});

describe('what counts', () => {
  const states = async (options: CircuitBreakerOptions, error: unknown): Promise<string> => {
    const bench = new Bench({ failureThreshold: 1, ...options });
    bench.fail(bench.start(), error);
    return bench.state;
  };

  it.each<[string, CircuitBreakerOptions, unknown, string]>([
    ['an unknown error', {}, new Error('?'), 'open'],
    ['a 500', {}, { status: 500 }, 'open'],
    ['a 401', {}, { status: 401 }, 'open'],
    ['an exhausted quota', {}, { status: 402 }, 'open'],
    ['a 400', {}, { status: 400 }, 'closed'],
    ['a 404', {}, { status: 404 }, 'closed'],
    ['a 422', {}, { status: 422 }, 'closed'],
    ['an abort that the caller did not ask for', {}, new DOMException('', 'AbortError'), 'open'],
    ['a client that left', {}, { name: 'AbortError', code: 'RESILIENCE_CLIENT_GONE' }, 'closed'],
    ['a 400 that recordOn takes', { recordOn: () => true }, { status: 400 }, 'open'],
    ['what recordOn leaves', { recordOn: TypeError }, new Error('?'), 'closed'],
    ['what ignoreOn takes', { ignoreOn: TypeError }, new TypeError(), 'closed'],
    ['what both take', { recordOn: Error, ignoreOn: [TypeError] }, new TypeError(), 'closed'],
    ['what ignoreOn leaves', { ignoreOn: TypeError }, new Error('?'), 'open'],
  ])('%s', async (_what, options, error, state) => {
    expect(await states(options, error)).toBe(state);
  });

  it('an ignored error leaves the window as it was', async () => {
    const bench = await new Bench({ ignoreOn: RangeError }).play('x.');

    bench.fail(bench.start(), new RangeError());

    expect(bench.circuit.snapshot()).toMatchObject({ calls: 2, failures: 1 });
  });

  it('a returned value may count as failure', async () => {
    const bench = new Bench({ failureThreshold: 2, recordResult: (result: unknown) => result === null });

    bench.succeed(bench.start(), null);
    bench.succeed(bench.start(), 'fine');
    bench.succeed(bench.start(), null);
    expect(bench.state).toBe('closed');
    bench.succeed(bench.start(), null);

    expect(bench.state).toBe('open');
  });

  it.each(['recordOn', 'ignoreOn'])(
    'a predicate %s that throws never stands in for the call’s own error',
    async (name) => {
      const broken = (): never => {
        throw new Error('broken predicate');
      };

      expect(await states({ [name]: broken }, FAILURE)).toBe('open');
    },
  );

  it('a recordResult that throws does not fail the call', () => {
    const bench = new Bench({
      failureThreshold: 1,
      recordResult: () => {
        throw new Error('broken predicate');
      },
    });

    expect(() => bench.succeed(bench.start())).not.toThrow();
    expect(bench.state).toBe('closed');
  });
});

describe('the time that it stays open', () => {
  it('is what a function makes of what opened it, the hint of a server among it', async () => {
    const asked: unknown[] = [];
    const busy = Object.assign(new Error('busy'), { status: 429, headers: { 'retry-after': '45' } });
    const bench = new Bench({
      failureThreshold: 2,
      recoveryTimeout: (timesOpened, { error, failureRate, retryAfterMs }) => {
        asked.push([timesOpened, error, failureRate, retryAfterMs]);
        return retryAfterMs;
      },
    });

    bench.fail(bench.start());
    bench.fail(bench.start(), busy);

    expect(bench.handle.snapshot()).toMatchObject({ state: 'open', retryAfterMs: 45_000 });
    await bench.clock.advance('45s');
    bench.fail(bench.start());
    expect(bench.handle.snapshot()).toMatchObject({ state: 'open', retryAfterMs: 60_000 });
    await bench.clock.advance('60s');
    bench.start();
    await bench.clock.advance('60s');
    expect(bench.state).toBe('open');
    expect(asked).toEqual([
      [1, busy, 1, 45_000],
      [2, FAILURE, 1, undefined],
      [3, undefined, 1, undefined],
    ]);
  });

  it('can be said by hand, in every state, and ends as ever', async () => {
    const bench = new Bench({ failureThreshold: 1, recoveryTimeout: '1s' });

    bench.handle.open('5m');
    expect(bench.handle.snapshot()).toMatchObject({ state: 'open', retryAfterMs: 300_000 });
    await bench.clock.advance('1m');
    bench.handle.open(1_000);
    expect(bench.handle.snapshot()).toMatchObject({ state: 'open', retryAfterMs: 1_000 });
    await bench.clock.advance('1s');
    expect(bench.state).toBe('half_open');
    bench.handle.open('10s');
    expect([bench.state, bench.start().permit]).toEqual(['open', -1]);
    await bench.clock.advance('10s');
    bench.succeed(bench.start());
    expect(bench.state).toBe('closed');
    bench.handle.open();
    bench.handle.open('1s');
    expect(bench.state).toBe('open');
  });

  it.each([-1, 'soon', Number.NaN, {}])('cannot be %j', (duration) => {
    const { handle } = new Bench();

    expect(() => handle.open(duration as string)).toThrow(/open > duration: .*expected a duration >= 0/);
  });
});

describe('probes that are judged together', () => {
  const options = { failureThreshold: 1, recoveryTimeout: '1s', halfOpenCalls: 10, halfOpenFailureRate: 0.3 } as const;
  const halfOpen = async (): Promise<Bench> => {
    const bench = await new Bench(options).play('x');
    await bench.clock.advance('1s');
    return bench;
  };

  it('close it although some failed, as soon as that is certain', async () => {
    const bench = await (await halfOpen()).play('x.x.....');
    expect(bench.state).toBe('half_open');

    expect((await bench.play('.')).state).toBe('half_open');
    expect((await bench.play('.')).state).toBe('closed');
  });

  it('open it again as soon as so many have failed', async () => {
    const bench = await (await halfOpen()).play('x.x');

    expect((await bench.play('x')).state).toBe('open');
  });

  it('are so many in all; one that ends without a result makes room, and one that hangs has failed', async () => {
    const bench = await halfOpen();
    const running = Array.from({ length: 10 }, () => bench.start());
    expect(bench.start().permit).toBe(-1);

    for (const call of running.slice(0, 7)) bench.succeed(call);
    expect(bench.start().permit).toBe(-1);
    bench.circuit.release(running[7]!.permit, running[7]!.at);
    expect(bench.start().permit).toBeGreaterThan(0);
    await bench.clock.advance('1m');

    expect(bench.state).toBe('open');
  });

  it('leave nothing to say to successThreshold', () => {
    expect(() => new Bench({ ...options, successThreshold: 2 })).toThrow(/successThreshold.*halfOpenFailureRate/);
  });
});

describe('a circuit that begins with recording only', () => {
  it('tells once that it would open, again when it was better meanwhile, and never opens', async () => {
    const bench = new Bench({ window: 4, minimumCalls: 4, initialState: 'metrics_only' });

    await bench.play('xxxxxx');
    expect(bench.events).toEqual([
      ['threshold-crossed', { circuit: 'llm', calls: 4, failureRate: 1, slowCallRate: 0 }],
    ]);
    await bench.play('....');
    await bench.play('xxx');

    expect(bench.events).toHaveLength(2);
    expect(bench.state).toBe('metrics_only');
  });

  it('is closed by hand, and records only again when it is reset', () => {
    const { handle } = new Bench({ initialState: 'metrics_only' });

    handle.close();
    expect(handle.state).toBe('closed');
    handle.reset();
    expect(handle.state).toBe('metrics_only');
  });
});

describe('by hand', () => {
  it('forced open refuses everything, however much time passes', async () => {
    const bench = new Bench();

    bench.handle.open();
    await bench.clock.advance('30d');

    expect([bench.handle.state, bench.start().permit]).toEqual(['forced_open', -1]);
    expect(bench.circuit.rejection(bench.clock.now())).toMatchObject({ state: 'forced_open', retryAfterMs: 0 });
  });

  it('disabled admits everything and records nothing', async () => {
    const bench = await new Bench({ failureThreshold: 1 }).play('x');

    bench.handle.disable();
    await bench.play('xxxxxxxxxx');

    expect(bench.handle.snapshot()).toMatchObject({ state: 'disabled', calls: 0, failures: 0, notPermitted: 0 });
  });

  it('metrics only admits everything and records', async () => {
    const bench = new Bench();

    bench.handle.metricsOnly();
    await bench.play('xxxxxxxx..');

    expect(bench.handle.snapshot()).toMatchObject({ state: 'metrics_only', calls: 10, failureRate: 0.8 });
  });

  it.each(['open', 'disable', 'metricsOnly'] as const)('close ends %s with an empty window', async (name) => {
    const bench = await new Bench().play('xx');

    bench.handle[name]();
    bench.handle.close();

    expect(bench.handle.snapshot()).toMatchObject({ state: 'closed', calls: 0 });
    await bench.play('xxxx');
    expect(bench.state).toBe('closed');
  });

  it('reset also forgets how many were refused; close does not', async () => {
    const bench = await new Bench({ failureThreshold: 1 }).play('x');
    bench.start();

    bench.handle.close();
    expect(bench.handle.snapshot().notPermitted).toBe(1);
    bench.handle.reset();
    expect(bench.handle.snapshot()).toMatchObject({ state: 'closed', notPermitted: 0 });
  });
});

/** resilience4j: circuitBreakerDoesNotPublishStateTransitionEventsForInternalTransitions. */
describe('by hand, to the state it is in already', () => {
  it.each(['close', 'reset'] as const)('%s of a closed circuit empties the window and tells nobody', async (name) => {
    const bench = await new Bench().play('xx');

    bench.handle[name]();
    bench.handle[name]();

    expect(bench.events).toEqual([]);
    expect(bench.handle.snapshot()).toMatchObject({ state: 'closed', calls: 0 });
  });

  it('open twice is told once, and when it opened stays', async () => {
    const bench = new Bench();
    bench.handle.open();
    const { openedAt } = bench.handle.snapshot();
    await bench.clock.advance('5m');

    bench.handle.open();

    expect(bench.events.map(([name]) => name)).toEqual(['opened']);
    expect(bench.handle.snapshot()).toMatchObject({ state: 'forced_open', openedAt });
  });

  it.each(['disable', 'metricsOnly', 'open', 'close', 'reset'] as const)(
    '%s twice: the second changes nothing',
    async (name) => {
      const bench = await new Bench({ failureThreshold: 1 }).play('x');
      bench.handle[name]();
      const [events, snapshot] = [[...bench.events], bench.handle.snapshot()];

      bench.handle[name]();

      expect(bench.events).toEqual(events);
      expect(bench.handle.snapshot()).toEqual(snapshot);
    },
  );

  it('close after close: what began before does not fall into the empty window', async () => {
    const bench = new Bench();
    const begun = bench.start();

    bench.handle.close();
    bench.succeed(begun);

    expect(bench.handle.snapshot()).toMatchObject({ calls: 0 });
  });

  it('every real change is told', async () => {
    const bench = await new Bench({ failureThreshold: 1 }).play('x');

    bench.handle.open();
    bench.handle.close();
    bench.handle.disable();
    bench.handle.reset();

    expect(bench.events.map(([name, { from }]) => [name, from])).toEqual([
      ['opened', 'closed'],
      ['opened', 'open'],
      ['closed', 'forced_open'],
      ['closed', 'disabled'],
    ]);
  });
});

describe('what it tells', () => {
  it('a snapshot with rates only where there is enough to judge', async () => {
    const bench = await new Bench({ slowCallDuration: '1s' }).play('xs..');
    expect(bench.circuit.snapshot()).toMatchObject({ calls: 4, failures: 1, failureRate: -1, slowCallRate: -1 });

    await bench.play('.');

    expect(bench.circuit.snapshot()).toEqual({
      state: 'closed',
      calls: 5,
      failures: 1,
      failureRate: 0.2,
      slowCallRate: 0.2,
      notPermitted: 0,
      openedAt: undefined,
      retryAfterMs: 0,
    });
  });

  it('when it opened, by the wall clock', async () => {
    const bench = new Bench({ failureThreshold: 1 });
    await bench.clock.advance(1234);
    await bench.play('x');
    const openedAt = bench.clock.epochNow();

    await bench.clock.advance('1m');

    expect(bench.circuit.snapshot()).toMatchObject({ state: 'half_open', openedAt });
  });

  it('no result that the time window has forgotten, also when it is opened by hand', async () => {
    const bench = await new Bench({ window: '10s', minimumCalls: 10 }).play('xx..');
    await bench.clock.advance('20s');

    bench.handle.open();

    expect(bench.events).toEqual([['opened', expect.objectContaining({ calls: 0, failureRate: 0 })]]);
  });

  it('every change of state, and every refusal, as events', async () => {
    const bench = await new Bench({ failureThreshold: 2, recoveryTimeout: '10s' }).play('xx');
    bench.start();
    bench.circuit.rejection(bench.clock.now());
    await bench.clock.advance('10s');
    await bench.play('x');
    await bench.clock.advance('10s');
    await bench.play('.');

    expect(bench.events).toEqual([
      ['opened', { circuit: 'llm', from: 'closed', calls: 2, failureRate: 1, slowCallRate: 0, timesOpened: 1, retryAfterMs: 10_000 }], // prettier-ignore
      ['rejected', { circuit: 'llm', state: 'open', retryAfterMs: 10_000 }],
      ['half-opened', { circuit: 'llm', from: 'open' }],
      ['opened', { circuit: 'llm', from: 'half_open', calls: 1, failureRate: 1, slowCallRate: 0, timesOpened: 2, retryAfterMs: 10_000 }], // prettier-ignore
      ['half-opened', { circuit: 'llm', from: 'open' }],
      ['closed', { circuit: 'llm', from: 'half_open' }],
    ]);
  });
});
