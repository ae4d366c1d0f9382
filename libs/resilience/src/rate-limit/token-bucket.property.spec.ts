import assert from 'node:assert/strict';

import { describe, it } from '@jest/globals';
import fc from 'fast-check';

import { Execution } from '../engine/execution.js';
import type { PipelineParts } from '../engine/pipeline-parts.js';
import { createPolicyContext } from '../engine/policy-context.js';
import { RateLimitError } from './rate-limit.errors.js';
import { readRateLimitOptions } from './rate-limit.options.js';
import { RateLimitPolicy } from './rate-limit.policy.js';
import { TokenBuckets } from './token-buckets.js';

const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 2000);

interface Settings {
  readonly limit: number;
  readonly interval: number;
  readonly maxWait: number;
}

type Step =
  | { readonly do: 'try' | 'acquire'; readonly quarters: number }
  | { readonly do: 'refund'; readonly which: number }
  | { readonly do: 'give up'; readonly which: number }
  | { readonly do: 'wait'; readonly ms: number };

/**
 * The same rules with whole numbers of any size: a token is 4 * interval parts, of which 4 * limit flow in per millisecond.
 * Every reservation is kept in a list, and time passes millisecond by millisecond.
 */
class Model {
  readonly line: { readonly id: number; readonly parts: bigint }[] = [];
  readonly held: number[] = [];
  private level: bigint;
  private readonly full: bigint;
  private readonly perMs: bigint;

  constructor(private readonly settings: Settings) {
    this.perMs = 4n * BigInt(settings.limit);
    this.full = this.level = this.perMs * BigInt(settings.interval);
  }

  partsOf(quarters: number): bigint {
    return BigInt(quarters) * BigInt(this.settings.interval);
  }

  /** What is there for newcomers: those in line have theirs already. */
  take(quarters: number): boolean {
    const parts = this.partsOf(quarters);
    if (quarters > 0 && this.level < parts) return false;
    this.add(-parts);
    return true;
  }

  /** In parts of a millisecond, times {@link perMs}; undefined for never. */
  shortBy(quarters: number): bigint | undefined {
    const parts = this.partsOf(quarters);
    return parts > this.full ? undefined : parts - this.level;
  }

  acquire(id: number, quarters: number): 'held' | 'waits' | 'refused' {
    if (this.take(quarters)) return 'held';
    const short = this.shortBy(quarters);
    if (short === undefined || short > this.perMs * BigInt(this.settings.maxWait)) return 'refused';
    this.line.push({ id, parts: this.partsOf(quarters) });
    this.add(-this.partsOf(quarters));
    return 'waits';
  }

  add(parts: bigint): void {
    this.level += parts;
    if (this.level > this.full) this.level = this.full;
  }

  giveUp(index: number): void {
    const [gone] = this.line.splice(index, 1);
    if (gone !== undefined) this.add(gone.parts);
    this.serve();
  }

  pass(): void {
    this.add(this.perMs);
    this.serve();
  }

  /** Level without what the line has reserved, and the first one's own on top. */
  serve(): void {
    for (let first = this.line[0]; first !== undefined; first = this.line[0]) {
      const reserved = this.line.reduce((sum, { parts }) => sum + parts, 0n);
      if (this.level + reserved < first.parts) return;
      this.line.shift();
      this.held.push(first.id);
    }
  }

  get tokens(): number {
    return Number(this.level) / (4 * this.settings.interval);
  }

  waitMs(short: bigint): number {
    return Number(short) / Number(this.perMs);
  }
}

/** Fires late, at whole milliseconds only, as a real timer does: what is due must not depend on it. */
class MillisecondClock {
  time = 0;
  private timers: { readonly due: number; readonly callback: () => void }[] = [];

  now = (): number => this.time;
  epochNow = (): number => this.time;

  setTimer = (callback: () => void, delayMs: number) => {
    const timer = { due: this.time + delayMs, callback };
    this.timers.push(timer);
    const cancel = (): void => void (this.timers = this.timers.filter((other) => other !== timer));
    return { cancel, ref: () => undefined, unref: () => undefined };
  };

  get pending(): number {
    return this.timers.length;
  }

  tick(): void {
    this.time++;
    for (;;) {
      const due = this.timers.find((timer) => timer.due <= this.time);
      if (due === undefined) return;
      this.timers = this.timers.filter((other) => other !== due);
      due.callback();
    }
  }
}

const quarters = fc.nat(24);
const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.record({ do: fc.constant('try' as const), quarters }), weight: 3 },
  { arbitrary: fc.record({ do: fc.constant('acquire' as const), quarters }), weight: 5 },
  { arbitrary: fc.record({ do: fc.constant('give up' as const), which: fc.nat(20) }), weight: 2 },
  { arbitrary: fc.record({ do: fc.constant('refund' as const), which: fc.nat(20) }), weight: 1 },
  { arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 25 }) }), weight: 4 },
);

const settings: fc.Arbitrary<Settings> = fc.record({
  limit: fc.integer({ min: 1, max: 7 }),
  interval: fc.integer({ min: 1, max: 97 }),
  maxWait: fc.integer({ min: 0, max: 200 }),
});

/** Plays the steps on both and compares them after each. */
function compare(given: Settings, steps: readonly Step[]): void {
  const clock = new MillisecondClock();
  const context = createPolicyContext({ clock });
  const options = readRateLimitOptions({ ...given, cost: (tokens: number) => tokens }, 'spec');
  const buckets = new TokenBuckets('b', { ...options, keyed: false }, context);
  const policy = new RateLimitPolicy(options, buckets, context);
  const model = new Model(given);
  const parts = { name: 'p', context } as PipelineParts;
  const held: number[] = [];
  const leave = new Map<number, () => void>();
  const spent: number[] = [];
  let ids = 0;

  const acquire = (cost: number): void => {
    const id = ids++;
    const short = model.shortBy(cost);
    const expected = model.acquire(id, cost);
    let answer: Error | 'held' | undefined;
    const execution = new Execution(parts, undefined, [cost / 4], clock.time);
    const giveUp = policy.acquire(execution, (refusal) => {
      assert.equal(answer, undefined, 'answered twice');
      answer = refusal ?? 'held';
      if (refusal === undefined && leave.has(id)) held.push(id);
    });
    if (expected === 'waits') {
      assert.equal(answer, undefined);
      leave.set(id, giveUp);
    } else if (expected === 'held') {
      assert.equal(answer, 'held');
    } else {
      assert.ok(answer instanceof RateLimitError);
      assert.equal(answer.retryAfterMs, short === undefined ? Infinity : model.waitMs(short));
    }
  };

  for (const one of steps) {
    if (one.do === 'try') {
      const expected = model.take(one.quarters);
      assert.equal(policy.tryAcquire([one.quarters / 4], clock.time), expected);
      if (expected) spent.push(one.quarters);
    } else if (one.do === 'acquire') acquire(one.quarters);
    else if (one.do === 'refund' && spent.length > 0) {
      const [cost = 0] = spent.splice(one.which % spent.length, 1);
      model.add(model.partsOf(cost));
      model.serve();
      policy.refund([cost / 4], clock.time);
    } else if (one.do === 'give up' && model.line.length > 0) {
      const index = one.which % model.line.length;
      const { id = -1 } = model.line[index] ?? {};
      model.giveUp(index);
      leave.get(id)?.();
    } else if (one.do === 'wait') {
      for (let ms = 0; ms < one.ms; ms++) {
        model.pass();
        clock.tick();
      }
    }
    assert.deepEqual(held, model.held);
    const { available = NaN, waiting } = buckets.snapshot();
    assert.equal(waiting, model.line.length);
    assert.ok(Math.abs(available - model.tokens) < 1e-9, `${available} is not ${model.tokens}`);
    assert.equal(clock.pending, model.line.length > 0 ? 1 : 0);
  }
}

describe('A token bucket', () => {
  it('does what exact arithmetic does, in any history of draws, waits, give-ups and refunds', () => {
    fc.assert(fc.property(settings, fc.array(step, { minLength: 20, maxLength: 80, size: 'max' }), compare), {
      numRuns: RUNS,
    });
  });
});
