import assert from 'node:assert/strict';

import { describe, it } from '@jest/globals';
import fc from 'fast-check';

import { createPolicyContext } from '../engine/policy-context.js';
import { FakeClock } from '../testing/fake-clock.js';
import { type CircuitBreakerOptions, readCircuitBreakerOptions } from './circuit-breaker.options.js';
import { Circuit } from './circuit.js';
import { CircuitRules } from './circuit-rules.js';

interface Settings {
  readonly window: 'count' | 'consecutive';
  readonly size: number;
  readonly threshold: number;
  readonly rate: number;
  readonly minimum: number;
  readonly slowRate: number;
  readonly recovery: number;
  readonly growth: number;
  readonly halfOpenCalls: number;
  readonly successThreshold: number;
  readonly halfOpenTimeout: number;
}

type Step =
  | { readonly do: 'start' }
  | { readonly do: 'pass' | 'fail' | 'ignore' | 'cancel'; readonly which: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'look' };

const SLOW_MS = 30;

/** The same rules, written down as plainly as possible: every outcome kept in a list, nothing incremental. */
class Model {
  state: 'closed' | 'open' | 'half_open' = 'closed';
  refused = 0;
  private era = 0;
  private outcomes: { readonly failed: boolean; readonly slow: boolean }[] = [];
  private probes: { readonly id: number; readonly since: number }[] = [];
  private successes = 0;
  private opened = 0;
  private retryAt = 0;

  constructor(private readonly settings: Settings) {}

  look(now: number): string {
    const { halfOpenTimeout } = this.settings;
    for (;;) {
      const hung = Math.min(...this.probes.map(({ since }) => since)) + halfOpenTimeout;
      if (this.state === 'open' && now >= this.retryAt) this.move('half_open');
      else if (this.state === 'half_open' && now >= hung) this.open(hung);
      else return this.state;
    }
  }

  start(id: number, now: number): number | undefined {
    const state = this.look(now);
    if (state === 'open' || (state === 'half_open' && this.probes.length >= this.settings.halfOpenCalls)) {
      this.refused++;
      return undefined;
    }
    if (state === 'half_open') this.probes.push({ id, since: now });
    return this.era;
  }

  end(id: number, era: number, how: 'pass' | 'fail' | 'ignore' | 'cancel', since: number, now: number): void {
    this.look(now);
    if (era !== this.era) return;
    this.probes = this.probes.filter((probe) => probe.id !== id);
    if (how === 'ignore' || how === 'cancel') return;
    this.outcomes.push({ failed: how === 'fail', slow: now - since > SLOW_MS });
    if (this.state === 'half_open') {
      if (how === 'fail') this.open(now);
      else if (++this.successes >= this.settings.successThreshold) this.move('closed');
    } else if (this.tooBad()) {
      this.open(now);
    }
  }

  get window(): { readonly calls: number; readonly failures: number } {
    if (this.settings.window === 'count') {
      const recent = this.outcomes.slice(-this.settings.size);
      return { calls: recent.length, failures: recent.filter(({ failed }) => failed).length };
    }
    const lastSuccess = this.outcomes.findLastIndex(({ failed }) => !failed);
    return { calls: this.outcomes.length, failures: this.outcomes.length - lastSuccess - 1 };
  }

  retryAfter(now: number): number {
    return this.state === 'open' ? this.retryAt - now : 0;
  }

  private tooBad(): boolean {
    const { window, size, threshold, rate, minimum, slowRate } = this.settings;
    const { calls, failures } = this.window;
    if (window === 'consecutive') return failures >= threshold;
    const slow = this.outcomes.slice(-size).filter((outcome) => outcome.slow).length;
    return calls >= Math.min(minimum, size) && (failures / calls >= rate || slow / calls >= slowRate);
  }

  private open(at: number): void {
    this.opened++;
    this.retryAt = at + this.settings.recovery * this.settings.growth ** (this.opened - 1);
    this.move('open');
  }

  private move(to: Model['state']): void {
    this.state = to;
    this.era++;
    this.probes = [];
    this.successes = 0;
    if (to !== 'open') this.outcomes = [];
    if (to === 'closed') this.opened = 0;
  }
}

const settings: fc.Arbitrary<Settings> = fc.record({
  window: fc.constantFrom('count', 'consecutive'),
  size: fc.integer({ min: 1, max: 40 }),
  threshold: fc.integer({ min: 1, max: 5 }),
  rate: fc.constantFrom(0.1, 0.25, 0.5, 0.75, 1),
  minimum: fc.integer({ min: 1, max: 10 }),
  slowRate: fc.constantFrom(0.3, 0.5, 1),
  recovery: fc.integer({ min: 0, max: 50 }),
  growth: fc.integer({ min: 1, max: 3 }),
  halfOpenCalls: fc.integer({ min: 1, max: 4 }),
  successThreshold: fc.integer({ min: 1, max: 4 }),
  halfOpenTimeout: fc.integer({ min: 1, max: 60 }),
});

const which = fc.nat(30);
const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.constant<Step>({ do: 'start' }), weight: 6 },
  { arbitrary: fc.record({ do: fc.constantFrom('pass' as const, 'fail' as const), which }), weight: 6 },
  { arbitrary: fc.record({ do: fc.constantFrom('ignore' as const, 'cancel' as const), which }), weight: 1 },
  { arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 70 }) }), weight: 3 },
  { arbitrary: fc.constant<Step>({ do: 'look' }), weight: 1 },
);

function optionsOf(given: Settings): CircuitBreakerOptions {
  const { recovery, growth, halfOpenCalls, successThreshold, halfOpenTimeout } = given;
  return {
    ...(given.window === 'consecutive'
      ? { window: 'consecutive', failureThreshold: given.threshold }
      : {
          window: given.size,
          failureRate: given.rate,
          minimumCalls: given.minimum,
          slowCallDuration: SLOW_MS,
          slowCallRate: given.slowRate,
        }),
    recoveryTimeout: (times) => recovery * growth ** (times - 1),
    ...{ halfOpenCalls, successThreshold, halfOpenTimeout },
    ignoreOn: RangeError,
  };
}

/** Plays the steps on both and compares them after each. */
function compare(given: Settings, steps: readonly Step[]): void {
  const clock = new FakeClock();
  const context = createPolicyContext({ clock: { ...methodsOf(clock), now: () => now } });
  let now = 0;
  const circuit = new Circuit('c', new CircuitRules(readCircuitBreakerOptions(optionsOf(given), 'spec'), context));
  const model = new Model(given);
  const running: { readonly id: number; readonly permit: number; readonly era: number; readonly since: number }[] = [];
  let calls = 0;
  for (const one of steps) {
    if (one.do === 'wait') now += one.ms;
    else if (one.do === 'start') {
      const id = calls++;
      const permit = circuit.tryAcquire(now);
      const era = model.start(id, now);
      assert.equal(permit >= 0, era !== undefined);
      if (era !== undefined) running.push({ id, permit, era, since: now });
    } else if (one.do !== 'look' && running.length > 0) {
      const [call] = running.splice(one.which % running.length, 1);
      if (call === undefined) continue;
      if (one.do === 'pass') circuit.succeed(call.permit, call.since, now, undefined);
      else if (one.do === 'fail') circuit.fail(call.permit, call.since, now, new Error('x'));
      else if (one.do === 'ignore') circuit.fail(call.permit, call.since, now, new RangeError());
      else circuit.release(call.permit, call.since);
      model.end(call.id, call.era, one.do, call.since, now);
    }
    if (one.do === 'look') sameView(circuit, model, now);
  }
  sameView(circuit, model, now);
}

function sameView(circuit: Circuit, model: Model, now: number): void {
  const { state, calls, failures, notPermitted, retryAfterMs } = circuit.snapshot();
  assert.deepEqual(
    { state, calls, failures, notPermitted, retryAfterMs },
    { state: model.look(now), ...model.window, notPermitted: model.refused, retryAfterMs: model.retryAfter(now) },
  );
}

function methodsOf(clock: FakeClock): Pick<FakeClock, 'epochNow' | 'setTimer'> {
  return { epochNow: () => clock.epochNow(), setTimer: (callback, delayMs) => clock.setTimer(callback, delayMs) };
}

describe('Circuit', () => {
  it('does what the plain model does, in any history of calls, ends, refusals and waits', () => {
    fc.assert(fc.property(settings, fc.array(step, { minLength: 20, maxLength: 120, size: 'max' }), compare), {
      numRuns: 2000,
    });
  }, 60_000);
});
