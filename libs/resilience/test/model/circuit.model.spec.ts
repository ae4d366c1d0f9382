import assert from 'node:assert/strict';

import { afterAll, describe, it } from '@jest/globals';
import fc from 'fast-check';

import {
  type CircuitBreakerOptions,
  readCircuitBreakerOptions,
} from '../../src/circuit-breaker/circuit-breaker.options.js';
import { createCircuits } from '../../src/circuit-breaker/circuit-breaker.policy.js';
import { CircuitHandle } from '../../src/circuit-breaker/circuit-handle.js';
import { CircuitRules } from '../../src/circuit-breaker/circuit-rules.js';
import type { Circuit } from '../../src/circuit-breaker/circuit.js';
import { createPolicyContext } from '../../src/engine/policy-context.js';
import {
  type ByHand,
  CircuitModel,
  KeyedCircuitModel,
  type ModelCall,
  type ModelEvents,
  type ModelOptions,
} from './circuit-model.js';
import { propertyRuns, Tally } from './property-runs.js';

const EPOCH = 1_700_000_000_000;
const PREFIX = 'resilience.circuit.';
const BAD_VALUE = 'bad';
/** An error nobody knows (counts by default), one that `recordOn` or `ignoreOn` may name, and one that is the caller's own fault. */
const DOWN = new Error('down');
const NAMED = new RangeError('named');
const NOT_FOUND = Object.assign(new Error('not found'), { status: 404 });

const MATCHERS = {
  default: { options: {}, counted: [DOWN, NAMED] },
  ignoreOn: { options: { ignoreOn: RangeError }, counted: [DOWN] },
  recordOn: { options: { recordOn: RangeError }, counted: [NAMED] },
  both: { options: { recordOn: Error, ignoreOn: RangeError }, counted: [DOWN, NOT_FOUND] },
} as const satisfies Record<string, { options: CircuitBreakerOptions; counted: readonly Error[] }>;

interface Settings extends Omit<ModelOptions, 'recoveryMs'> {
  readonly recovery: number;
  readonly growth: number;
  readonly matchers: keyof typeof MATCHERS;
  readonly recordResult: boolean;
  /** 0: one circuit for all keys. */
  readonly maxKeys: number;
}

const windows = {
  'a count window of up to 30': fc.record({ type: fc.constant('count'), size: fc.integer({ min: 1, max: 30 }) }),
  'a count window of 31 to 130': fc.record({ type: fc.constant('count'), size: fc.integer({ min: 31, max: 130 }) }),
  'a time window': fc.record({ type: fc.constant('time'), durationMs: fc.integer({ min: 10, max: 300 }) }),
  'a consecutive window': fc.record({ type: fc.constant('consecutive') }),
} as const;
type Windows = fc.Arbitrary<ModelOptions['window']>;

const settingsWith = (window: Windows, maxKeys: fc.Arbitrary<number>): fc.Arbitrary<Settings> =>
  fc.record({
    window,
    failureThreshold: fc.integer({ min: 1, max: 6 }),
    failureRate: fc.constantFrom(0.1, 0.25, 0.5, 0.6, 0.9, 1),
    minimumCalls: fc.integer({ min: 1, max: 12 }),
    slowMs: fc.constantFrom(Infinity, 0, 30),
    slowCallRate: fc.constantFrom(0.3, 0.5, 1),
    recovery: fc.integer({ min: 0, max: 50 }),
    growth: fc.integer({ min: 1, max: 3 }),
    halfOpenCalls: fc.integer({ min: 1, max: 4 }),
    halfOpenFailureRate: fc.constantFrom(undefined, undefined, 0.25, 0.5, 0.7, 1),
    successThreshold: fc.integer({ min: 1, max: 4 }),
    halfOpenTimeoutMs: fc.integer({ min: 1, max: 60 }),
    rampUpMs: fc.constantFrom(0, 0, 1, 40, 100),
    matchers: fc.constantFrom('default', 'ignoreOn', 'recordOn', 'both'),
    recordResult: fc.boolean(),
    maxKeys,
  });

/** A step is one number, which is the cheapest thing to make up and to shrink: what to do, and to which call, key or time. */
const steps = fc.array(fc.nat(2 ** 24 - 1), { minLength: 5, maxLength: 60, size: 'max' });
const KINDS = 32;
const KEYS = ['a', 'b', 'c', 'd'];
const BY_HAND: readonly ByHand[] = ['close', 'reset', 'open', 'disable', 'metricsOnly', 'close'];

interface Running {
  readonly circuit: Circuit;
  readonly permit: number;
  readonly since: number;
  readonly judge: CircuitModel;
  readonly call: ModelCall;
}

/** The circuit and its model, side by side. Whatever happens to one happens to the other, and both must say the same. */
class Pair {
  readonly trace: string[] = [];
  events = 0;
  private now = 0;
  private readonly told: unknown[] = [];
  private readonly expected: ModelEvents = [];
  private readonly running: Running[] = [];
  private readonly circuits;
  private readonly models: { select(key: string): CircuitModel; all(): CircuitModel[] };

  constructor(private readonly settings: Settings) {
    const { recovery, growth, maxKeys } = settings;
    const recoveryMs = (times: number): number => recovery * growth ** (times - 1);
    const clock = {
      now: () => this.now,
      epochNow: () => EPOCH + this.now,
      setTimer: () => assert.fail('a circuit needs no timer'),
    };
    const events = {
      listens: () => true,
      emit: (name: string, payload: object) => void this.told.push([name.slice(PREFIX.length), payload]),
    };
    const options = readCircuitBreakerOptions(optionsOf(settings, recoveryMs), 'model');
    this.circuits = createCircuits('c', new CircuitRules(options, createPolicyContext({ clock, events })));
    const rules = { ...settings, recoveryMs };
    if (maxKeys === 0) {
      const only = new CircuitModel('c', rules, this.expected);
      this.models = { select: () => only, all: () => [only] };
    } else {
      const keyed = new KeyedCircuitModel('c', rules, maxKeys, this.expected);
      this.models = {
        select: (key) => keyed.select(key),
        all: () => keyed.circuits.map(({ circuit }) => circuit),
      };
    }
  }

  step(number: number): void {
    const kind = number % KINDS;
    const choice = Math.floor(number / KINDS);
    const key = KEYS[choice % KEYS.length] ?? 'a';
    this.events++;
    if (kind < 10) this.start(key);
    else if (kind < 15) this.end(choice, 'pass');
    else if (kind < 19) this.end(choice, 'fail');
    else if (kind === 19) this.end(choice, choice % 2 === 0 ? 'named' : 'not found');
    else if (kind === 20) this.end(choice, 'cancel');
    else if (kind === 21) this.end(choice, 'bad value');
    else if (kind < 26) this.wait(choice % 80);
    else if (kind === 26) this.wait(choice % 400);
    else if (kind === 27) this.burst(key, 'pass', 1 + ((choice >> 2) % 70));
    else if (kind === 28) this.burst(key, 'fail', 1 + ((choice >> 2) % 7));
    else if (kind === 29) this.look();
    else if (kind === 30) this.waitUntilDue(choice);
    else this.byHand(choice);
  }

  look(): void {
    const seen = [...this.circuits.circuits()].map((circuit) => ({ name: circuit.name, ...circuit.snapshot() }));
    const expected = this.models.all().map((model) => {
      const snapshot = model.snapshot(this.now);
      const openedAt = snapshot['openedAt'] === undefined ? undefined : EPOCH + Number(snapshot['openedAt']);
      return { name: model.name, ...snapshot, openedAt };
    });
    this.trace.push('look');
    assert.deepEqual(seen, expected);
    assert.deepEqual(this.told, this.expected);
    this.told.length = this.expected.length = 0;
  }

  private start(key: string): boolean {
    this.trace.push(`start ${key}`);
    const circuit = this.circuits.select([key]);
    const judge = this.models.select(key);
    const permit = circuit.tryAcquire(this.now);
    const call = judge.start(this.now);
    assert.equal(permit >= 0, call !== undefined, permit >= 0 ? 'admitted' : 'refused');
    if (call !== undefined) {
      this.running.push({ circuit, permit, since: this.now, judge, call });
      return true;
    }
    const { state, retryAfterMs, circuit: name } = circuit.rejection(this.now);
    assert.deepEqual({ circuit: name, state, retryAfterMs }, this.expected.at(-1)?.[1]);
    return false;
  }

  private end(choice: number, how: 'pass' | 'fail' | 'named' | 'not found' | 'cancel' | 'bad value'): void {
    const { length } = this.running;
    if (length === 0) return;
    const [call] = this.running.splice(choice % length, 1);
    if (call === undefined) return;
    this.trace.push(`${how} (of ${call.circuit.name} since ${call.since})`);
    if (how === 'pass') this.succeed(call, 'fine');
    else if (how === 'bad value') this.succeed(call, BAD_VALUE);
    else if (how === 'cancel') {
      call.circuit.release(call.permit, call.since);
      call.judge.end(call.call, 'none', this.now);
    } else this.fail(call, how === 'fail' ? DOWN : how === 'named' ? NAMED : NOT_FOUND);
  }

  private succeed({ circuit, permit, since, judge, call }: Running, value: string): void {
    circuit.succeed(permit, since, this.now, value);
    judge.end(call, value === BAD_VALUE && this.settings.recordResult ? 'bad' : 'good', this.now);
  }

  private fail({ circuit, permit, since, judge, call }: Running, error: Error): void {
    const counted: readonly Error[] = MATCHERS[this.settings.matchers].counted;
    circuit.fail(permit, since, this.now, error);
    judge.end(call, counted.includes(error) ? 'bad' : 'none', this.now);
  }

  private burst(key: string, how: 'pass' | 'fail', times: number): void {
    this.trace.push(`${times} times:`);
    this.events += times - 1;
    for (let i = 0; i < times; i++) if (this.start(key)) this.end(this.running.length - 1, how);
  }

  private wait(ms: number): void {
    this.trace.push(`wait ${ms}`);
    this.now += ms;
  }

  /** The moment itself, and the one before, are where an off-by-one would show. */
  private waitUntilDue(choice: number): void {
    const snapshots = [...this.circuits.circuits()].map((circuit) => circuit.snapshot());
    for (const model of this.models.all()) model.snapshot(this.now);
    const due = snapshots[choice % (snapshots.length || 1)]?.retryAfterMs;
    this.wait(Math.max(0, (due ?? 0) - (choice % 2)));
  }

  private byHand(choice: number): void {
    const circuits = [...this.circuits.circuits()];
    const index = choice % (circuits.length || 1);
    const action = BY_HAND[(choice >> 4) % BY_HAND.length] ?? 'close';
    const circuit = circuits[index];
    if (circuit === undefined) return;
    this.trace.push(`${action} ${circuit.name} by hand`);
    new CircuitHandle(circuit)[action]();
    this.models.all()[index]?.byHand(action, this.now);
  }
}

function optionsOf(settings: Settings, recoveryTimeout: (times: number) => number): CircuitBreakerOptions {
  const { window, maxKeys, recordResult } = settings;
  return {
    window: window.type === 'time' ? { type: 'time', duration: window.durationMs } : window,
    ...(window.type === 'consecutive'
      ? { failureThreshold: settings.failureThreshold }
      : {
          failureRate: settings.failureRate,
          minimumCalls: settings.minimumCalls,
          slowCallRate: settings.slowCallRate,
          ...(settings.slowMs !== Infinity && { slowCallDuration: settings.slowMs }),
        }),
    recoveryTimeout: settings.growth === 1 ? settings.recovery : recoveryTimeout,
    halfOpenCalls: settings.halfOpenCalls,
    ...(settings.halfOpenFailureRate === undefined
      ? { successThreshold: settings.successThreshold }
      : { halfOpenFailureRate: settings.halfOpenFailureRate }),
    halfOpenTimeout: settings.halfOpenTimeoutMs,
    ...(settings.rampUpMs > 0 && { rampUp: settings.rampUpMs }),
    ...MATCHERS[settings.matchers].options,
    ...(recordResult && { recordResult: (value: string) => value === BAD_VALUE }),
    ...(maxKeys > 0 && { key: (key: string) => key, maxKeys }),
  };
}

const lanes: [string, Windows, fc.Arbitrary<number>][] = [
  ...Object.entries(windows).map<[string, Windows, fc.Arbitrary<number>]>(([name, window]) => [
    name,
    window as Windows,
    fc.constant(0),
  ]),
  ['a circuit per key', fc.oneof(...(Object.values(windows) as Windows[])), fc.integer({ min: 1, max: 3 })],
];

describe('A circuit does what its plain model does, in any history of calls, ends, waits and hands, with', () => {
  const tally = new Tally('circuit against its model');
  afterAll(() => tally.print());

  it.each(lanes)('%s', (_name, window, maxKeys) => {
    fc.assert(
      fc.property(settingsWith(window, maxKeys), steps, (settings, numbers) => {
        const pair = new Pair(settings);
        try {
          for (const number of numbers) pair.step(number);
          pair.look();
        } catch (error) {
          throw new Error(`${(error as Error).message}\nafter: ${pair.trace.join('; ')}`, { cause: error });
        }
        tally.sequences++;
        tally.events += pair.events;
      }),
      { numRuns: propertyRuns(lanes.length) },
    );
  });
});
