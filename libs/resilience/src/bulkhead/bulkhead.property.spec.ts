import assert from 'node:assert/strict';

import { describe, it } from '@jest/globals';
import fc from 'fast-check';

import { Execution } from '../engine/execution.js';
import type { PipelineParts } from '../engine/pipeline-parts.js';
import { createPolicyContext } from '../engine/policy-context.js';
import type { BulkheadRefusal } from './bulkhead.errors.js';
import { BulkheadFullError } from './bulkhead.errors.js';
import { readBulkheadOptions } from './bulkhead.options.js';
import { BulkheadPolicy } from './bulkhead.policy.js';

const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 2000);

interface Settings {
  readonly maxConcurrent: number;
  readonly maxQueue: number;
  readonly maxWait: number;
}

type Step =
  | { readonly do: 'try' | 'acquire' | 'stop' }
  | { readonly do: 'end' | 'give up'; readonly which: number }
  | { readonly do: 'resize'; readonly to: number }
  | { readonly do: 'wait'; readonly ms: number };

type Answer = 'held' | BulkheadRefusal;

/** The same rules on two plain lists. */
class Model {
  running: number[] = [];
  line: { readonly id: number; readonly due: number }[] = [];
  readonly answers = new Map<number, Answer>();
  stopping = false;

  constructor(public settings: Settings) {}

  try(id: number): boolean {
    if (this.running.length >= this.settings.maxConcurrent || this.line.length > 0) return false;
    this.running.push(id);
    return true;
  }

  acquire(id: number, now: number): void {
    if (this.try(id)) this.answers.set(id, 'held');
    else if (this.line.length >= this.settings.maxQueue) this.answers.set(id, 'full');
    else if (this.stopping) this.answers.set(id, 'shutdown');
    else this.line.push({ id, due: now + this.settings.maxWait });
  }

  end(id: number): void {
    this.running = this.running.filter((other) => other !== id);
    this.handOut();
  }

  look(now: number): void {
    for (const { id } of this.line.filter(({ due }) => due <= now)) this.answers.set(id, 'queue_timeout');
    this.line = this.line.filter(({ due }) => due > now);
  }

  stop(): void {
    this.stopping = true;
    for (const { id } of this.line) this.answers.set(id, 'shutdown');
    this.line = [];
  }

  handOut(): void {
    while (this.running.length < this.settings.maxConcurrent) {
      const next = this.line.shift();
      if (next === undefined) return;
      this.running.push(next.id);
      this.answers.set(next.id, 'held');
    }
  }
}

const which = fc.nat(20);
const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.constant<Step>({ do: 'try' }), weight: 20 },
  { arbitrary: fc.constant<Step>({ do: 'acquire' }), weight: 70 },
  { arbitrary: fc.record({ do: fc.constant('end' as const), which }), weight: 60 },
  { arbitrary: fc.record({ do: fc.constant('give up' as const), which }), weight: 20 },
  { arbitrary: fc.record({ do: fc.constant('resize' as const), to: fc.integer({ min: 1, max: 5 }) }), weight: 3 },
  { arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 30 }) }), weight: 20 },
  { arbitrary: fc.constant<Step>({ do: 'stop' }), weight: 1 },
);

const settings: fc.Arbitrary<Settings> = fc.record({
  maxConcurrent: fc.integer({ min: 1, max: 4 }),
  maxQueue: fc.integer({ min: 0, max: 6 }),
  maxWait: fc.integer({ min: 1, max: 60 }),
});

/** Time and its timers, in order, without promises. */
class PlainClock {
  time = 0;
  timers: { readonly due: number; readonly callback: () => void }[] = [];

  now = (): number => this.time;
  epochNow = (): number => this.time;

  setTimer = (callback: () => void, delayMs: number) => {
    const timer = { due: this.time + delayMs, callback };
    this.timers.push(timer);
    const cancel = (): void => void (this.timers = this.timers.filter((other) => other !== timer));
    return { cancel, ref: () => undefined, unref: () => undefined };
  };

  advance(ms: number): void {
    this.time += ms;
    for (const timer of this.timers.filter(({ due }) => due <= this.time)) {
      this.timers = this.timers.filter((other) => other !== timer);
      timer.callback();
    }
  }
}

/** Plays the steps on both and compares them after each. */
function compare(given: Settings, steps: readonly Step[]): void {
  const clock = new PlainClock();
  const context = createPolicyContext({ clock });
  const options = readBulkheadOptions(given, 'spec');
  const bulkhead = new BulkheadPolicy('b', options, context);
  const model = new Model(given);
  const answers = new Map<number, Answer>();
  const leave = new Map<number, () => void>();
  let ids = 0;
  for (const one of steps) {
    if (one.do === 'try') {
      assert.equal(bulkhead.tryAcquire(), model.try(ids++));
    } else if (one.do === 'acquire') {
      const id = ids++;
      model.acquire(id, clock.time);
      const execution = new Execution({ name: 'p', context } as PipelineParts, undefined, [], clock.time);
      const giveUp = bulkhead.acquire(execution, (refusal) => {
        assert.ok(!answers.has(id), 'answered twice');
        answers.set(id, refusal instanceof BulkheadFullError ? refusal.because : 'held');
        assert.equal(execution.cutShort, answers.get(id) === 'shutdown' ? 'shutdown' : undefined);
      });
      leave.set(id, giveUp);
    } else if (one.do === 'end' && model.running.length > 0) {
      model.end(model.running[one.which % model.running.length] ?? -1);
      bulkhead.release();
    } else if (one.do === 'give up' && leave.size > 0) {
      // Also by those who were answered already: it must change nothing.
      const id = [...leave.keys()][one.which % leave.size] ?? -1;
      model.line = model.line.filter((waiter) => waiter.id !== id);
      leave.get(id)?.();
    } else if (one.do === 'resize') {
      model.settings = { ...model.settings, maxConcurrent: one.to };
      model.handOut();
      bulkhead.reconfigure({ ...bulkhead.options, maxConcurrent: one.to });
    } else if (one.do === 'wait') {
      clock.advance(one.ms);
      model.look(clock.time);
    } else if (one.do === 'stop') {
      model.stop();
      context.shutdown.begin();
    }
    assert.deepEqual([...answers].sort(byId), [...model.answers].sort(byId));
    const { inUse, queued } = bulkhead.snapshot();
    assert.deepEqual({ inUse, queued }, { inUse: model.running.length, queued: model.line.length });
    assert.equal(clock.timers.length, model.line.length);
  }
}

const byId = ([a]: readonly [number, Answer], [b]: readonly [number, Answer]): number => a - b;

describe('A bulkhead', () => {
  it('does what two plain lists do, in any history of attempts, ends, give-ups, timeouts and a shutdown', () => {
    fc.assert(fc.property(settings, fc.array(step, { minLength: 20, maxLength: 100, size: 'max' }), compare), {
      numRuns: RUNS,
    });
  });
});
