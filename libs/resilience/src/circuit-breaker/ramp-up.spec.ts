import { describe, expect, it } from '@jest/globals';

import { createPolicyContext } from '../engine/policy-context.js';
import { FakeClock } from '../testing/fake-clock.js';
import { CircuitOpenError } from './circuit-breaker.errors.js';
import { type CircuitBreakerOptions, readCircuitBreakerOptions } from './circuit-breaker.options.js';
import { CircuitHandle } from './circuit-handle.js';
import { Circuit } from './circuit.js';
import { CircuitRules } from './circuit-rules.js';

const OPTIONS = { failureThreshold: 3, recoveryTimeout: (times: number) => times * 1_000, rampUp: '10s' } as const;

class Bench {
  readonly clock = new FakeClock();
  readonly told: [string, unknown][] = [];
  readonly context = createPolicyContext({
    clock: this.clock,
    events: { listens: () => true, emit: (name, payload) => void this.told.push([name.split('.').at(-1)!, payload]) },
  });
  readonly circuit: Circuit;

  constructor(options: CircuitBreakerOptions = {}) {
    this.circuit = new Circuit('llm', this.rules(options));
  }

  rules(options: CircuitBreakerOptions = {}): CircuitRules {
    return new CircuitRules(readCircuitBreakerOptions({ ...OPTIONS, ...options }, 'spec'), this.context);
  }

  start(): number {
    return this.circuit.tryAcquire(this.clock.now());
  }

  end(permit: number, fails = false): void {
    const now = this.clock.now();
    if (fails) this.circuit.fail(permit, now, now, new Error('down'));
    else this.circuit.succeed(permit, now, now, 'fine');
  }

  /** @returns how many of so many calls were admitted */
  calls(count: number, fails = false): number {
    const permits = Array.from({ length: count }, () => this.start()).filter((permit) => permit >= 0);
    for (const permit of permits) this.end(permit, fails);
    return permits.length;
  }

  /** Opened, waited for, and probed well. */
  async recovers(): Promise<this> {
    for (let i = 0; i < 3; i++) this.calls(1, true);
    await this.clock.advance('1s');
    this.calls(1);
    return this;
  }
}

describe('A circuit with rampUp', () => {
  it('is recovering after its probe, and closed when the time is over', async () => {
    const bench = await new Bench().recovers();
    expect(bench.circuit.state).toBe('recovering');

    await bench.clock.advance('9999ms');
    expect(bench.circuit.state).toBe('recovering');
    await bench.clock.advance('1ms');

    expect(bench.circuit.state).toBe('closed');
    expect(bench.told.slice(-2)).toEqual([
      ['recovering', { circuit: 'llm', from: 'half_open' }],
      ['closed', { circuit: 'llm', from: 'recovering' }],
    ]);
  });

  it.each([
    ['0s', 10],
    ['500ms', 10],
    ['2s', 20],
    ['5s', 50],
    ['9s', 90],
    ['10s', 100],
  ] as const)('admits after %s %i of 100 calls', async (later, admitted) => {
    const bench = await new Bench().recovers();
    await bench.clock.advance(later);

    expect(bench.calls(100)).toBe(admitted);
  });

  it('admits the first call, and spreads the others evenly', async () => {
    const bench = await new Bench().recovers();
    await bench.clock.advance('2s');

    const admitted = Array.from({ length: 11 }, () => (bench.calls(1) === 1 ? 'x' : '.')).join('');

    expect(admitted).toBe('x....x....x');
  });

  it('refuses the others with its state, and counts them', async () => {
    const bench = await new Bench().recovers();
    bench.calls(10);

    const refusal = bench.circuit.rejection(bench.clock.now());

    expect(refusal).toBeInstanceOf(CircuitOpenError);
    expect(refusal).toMatchObject({ state: 'recovering', retryAfterMs: 0 });
    expect(bench.circuit.snapshot()).toMatchObject({
      state: 'recovering',
      notPermitted: 9,
      openedAt: undefined,
      retryAfterMs: 0,
    });
  });

  it('opens as if it were closed, for longer than before: it had not closed', async () => {
    const bench = await new Bench().recovers();

    expect(bench.calls(20, true)).toBe(2);
    expect(bench.circuit.state).toBe('recovering');
    expect(bench.calls(10, true)).toBe(1);

    expect(bench.circuit.snapshot()).toMatchObject({ state: 'open', retryAfterMs: 2_000 });
    expect(bench.told.at(-1)).toMatchObject(['opened', { from: 'recovering', timesOpened: 2 }]);
  });

  it('goes on counting what it counted while recovering, calls in flight among it', async () => {
    const bench = await new Bench({ rampUp: '10s' }).recovers();
    const permit = bench.start();
    await bench.clock.advance('9s');
    expect(bench.calls(3, true)).toBe(2);
    await bench.clock.advance('1s');
    expect(bench.circuit.state).toBe('closed');

    bench.end(permit, true);

    expect(bench.circuit.snapshot()).toMatchObject({ state: 'open', retryAfterMs: 1_000 });
  });

  it('judges rates and slow calls while it recovers', async () => {
    const bench = new Bench({ ...{ failureThreshold: undefined, window: 4, minimumCalls: 2 }, slowCallDuration: '1s' });
    bench.calls(2, true);
    await bench.clock.advance('1s');
    bench.calls(1);
    await bench.clock.advance('4s');
    const permits = [bench.start(), bench.start(), bench.start(), bench.start(), bench.start()].filter(
      (permit) => permit >= 0,
    );
    const startedAt = bench.clock.now();
    await bench.clock.advance('2s');

    for (const permit of permits.slice(0, 2)) bench.circuit.succeed(permit, startedAt, bench.clock.now(), 'slow');

    expect(bench.circuit.state).toBe('open');
  });

  it.each([
    ['halfOpenFailureRate', { halfOpenCalls: 2, halfOpenFailureRate: 1 }, 1],
    ['successThreshold', { halfOpenCalls: 2, successThreshold: 2 }, 2],
  ] as const)('recovers when its probes have decided by %s', async (_how, options, successes) => {
    const bench = new Bench(options);
    for (let i = 0; i < 3; i++) bench.calls(1, true);
    await bench.clock.advance('1s');
    for (let i = 1; i < successes; i++) bench.calls(1);
    expect(bench.circuit.state).toBe('half_open');

    bench.calls(1);

    expect(bench.circuit.state).toBe('recovering');
  });

  it('drops the result of a probe that ends while it recovers', async () => {
    const bench = new Bench({ halfOpenCalls: 2 });
    for (let i = 0; i < 3; i++) bench.calls(1, true);
    await bench.clock.advance('1s');
    const [late, good] = [bench.start(), bench.start()];
    bench.end(good);

    bench.end(late, true);

    expect(bench.circuit.snapshot()).toMatchObject({ state: 'recovering', calls: 0 });
  });

  it('obeys an operator: closed at once, and nothing that began before counts', async () => {
    const bench = await new Bench().recovers();
    const permit = bench.start();

    new CircuitHandle(bench.circuit).close();
    bench.end(permit, true);

    expect(bench.circuit.snapshot()).toMatchObject({ state: 'closed', calls: 0 });
    expect(bench.calls(10)).toBe(10);
  });

  it('opened by an operator while recovering keeps the count of openings', async () => {
    const bench = await new Bench().recovers();

    new CircuitHandle(bench.circuit).open('5s');

    expect(bench.told.at(-1)).toMatchObject(['opened', { from: 'recovering', timesOpened: 1, retryAfterMs: 5_000 }]);
  });

  it('follows other rules while it recovers', async () => {
    const bench = await new Bench().recovers();
    bench.circuit.reconfigure(bench.rules({ rampUp: '20s' }));
    await bench.clock.advance('10s');
    expect([bench.circuit.state, bench.calls(100)]).toEqual(['recovering', 50]);

    bench.circuit.reconfigure(bench.rules({ rampUp: 0 }));

    expect(bench.circuit.state).toBe('closed');
  });

  it('recovers also where a peer has probed, once', async () => {
    const bench = new Bench();
    bench.circuit.adopt({ kind: 'open', forMs: 1_000, timesOpened: 3 });
    bench.circuit.adopt({ kind: 'recovered' });
    await bench.clock.advance('5s');

    bench.circuit.adopt({ kind: 'recovered' });

    expect([bench.circuit.state, bench.calls(100)]).toEqual(['recovering', 50]);
    for (let i = 0; i < 9; i++) bench.calls(1, true);
    expect(bench.told.at(-1)).toMatchObject(['opened', { timesOpened: 4 }]);
  });

  it('is closed at once without rampUp', async () => {
    expect((await new Bench({ rampUp: 0 }).recovers()).circuit.state).toBe('closed');
  });
});
