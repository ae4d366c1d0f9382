import { defer, isObservable, lastValueFrom, Observable } from 'rxjs';

import type { AttemptContext } from '../../src/engine/attempt.js';
import type { CallStats } from '../../src/engine/call-stats.js';
import type { TimerHandle } from '../../src/engine/clock.js';
import type { FailedCall } from '../../src/engine/dead-letter-sink.js';
import { admitted, reachMethod } from '../../src/engine/method-call.js';
import { type Method, type PipelineParts } from '../../src/engine/pipeline-parts.js';
import { Pipeline } from '../../src/engine/pipeline.js';
import { createPolicyContext } from '../../src/engine/policy-context.js';
import { isAsyncIterable, type ReturnKind, toObservable } from '../../src/engine/return-kind.js';
import { PolicyRegistry } from '../../src/policy/policy-registry.js';
import { type Policies, readPolicyOptions } from '../../src/policy/policy.options.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { RecordingEvents } from '../../src/testing/recording-events.js';

/** What one attempt does. */
export interface Step {
  /** Milliseconds; Infinity never ends. A synchronous method takes no time. */
  readonly after: number;
  readonly items?: readonly unknown[];
  readonly error?: { readonly thrown: unknown };
}

/** Answers with this value; a stream, with these items. */
export const gives = (value: unknown, after = 0): Step => ({ after, items: [value] });
export const streams = (...items: unknown[]): Step => ({ after: 0, items });
/** Fails; a stream, after these items. */
export const fails = (thrown: unknown, after = 0, items: unknown[] = []): Step => ({ after, items, error: { thrown } });
export const hangs: Step = { after: Infinity };

/** One way in which a method answers and is called. */
export interface Lane {
  readonly name: string;
  /** How the method answers. */
  readonly shape: 'promise' | 'observable' | 'iterable' | 'sync';
  /** What its pipeline is told of that. */
  readonly kind: ReturnKind;
  /** Behind Nest's interceptors, or with a signal of the caller's beside the arguments. */
  readonly way?: 'handler' | 'signal';
}

const waiting: readonly Lane[] = [
  { name: 'a promise', shape: 'promise', kind: 'promise' },
  { name: 'an undeclared promise', shape: 'promise', kind: 'unknown' },
  { name: 'a promise with a signal', shape: 'promise', kind: 'promise', way: 'signal' },
  { name: 'an Observable', shape: 'observable', kind: 'observable' },
  { name: 'an undeclared Observable', shape: 'observable', kind: 'unknown' },
  { name: 'a handler', shape: 'promise', kind: 'promise', way: 'handler' },
  { name: 'an async iterable', shape: 'iterable', kind: 'iterable' },
  { name: 'an undeclared async iterable', shape: 'iterable', kind: 'unknown' },
];
const sync: readonly Lane[] = [
  { name: 'a plain value', shape: 'sync', kind: 'sync' },
  { name: 'an undeclared plain value', shape: 'sync', kind: 'unknown' },
];
/** Where a call can wait. */
export const WAITING_LANES: readonly [string, Lane][] = waiting.map((lane) => [lane.name, lane]);
export const SYNC_LANES: readonly [string, Lane][] = sync.map((lane) => [lane.name, lane]);
export const LANES: readonly [string, Lane][] = [...WAITING_LANES, ...SYNC_LANES];

export interface Outcome {
  readonly value?: unknown;
  readonly error?: unknown;
  readonly at: number;
}

export interface BenchOptions {
  readonly attemptIndex?: number;
  /** Whether somebody listens to events. @default true */
  readonly listening?: boolean;
}

/** Its time does not begin at 0, so that a moment cannot be taken for a duration. */
const ORIGIN = 5_000;

class BenchClock extends FakeClock {
  /** Timers that keep the process alive. */
  readonly awake = new Set<TimerHandle>();

  override now(): number {
    return super.now() + ORIGIN;
  }

  override setTimer(callback: () => void, delayMs: number): TimerHandle {
    const { awake } = this;
    const timer = super.setTimer(() => {
      awake.delete(handle);
      callback();
    }, delayMs);
    const handle: TimerHandle = {
      cancel: () => {
        awake.delete(handle);
        timer.cancel();
      },
      ref: () => void awake.add(handle),
      unref: () => void awake.delete(handle),
    };
    awake.add(handle);
    return handle;
  }
}

/** A scripted method of a service, its policies, and everything around them that a test can see. */
export class LaneBench {
  readonly clock = new BenchClock();
  readonly events = new RecordingEvents();
  readonly letters: FailedCall[] = [];
  /** When the method was entered, and with what. */
  readonly starts: number[] = [];
  readonly given: (readonly unknown[])[] = [];
  readonly service = { rescue: (...args: unknown[]) => ['rescued', ...args.slice(0, -1)].join(' ') };
  readonly context = createPolicyContext({ clock: this.clock, events: this.events, random: () => 0.5 });
  readonly registry: PolicyRegistry;
  readonly pipeline: Pipeline;
  readonly parts: PipelineParts;
  /** Of sources that were told to stop before they had ended by themselves. */
  stopped = 0;
  /** What the sink of dead letters does. */
  keep = (call: FailedCall): Promise<string | undefined> => Promise.resolve(`entry ${this.letters.push(call)}`);
  /** Called when the method is entered. */
  onStart = (): void => undefined;
  private steps: readonly Step[] = [gives('ok')];

  constructor(
    readonly lane: Lane,
    policies: Policies = {},
    { attemptIndex = -1, listening = true }: BenchOptions = {},
  ) {
    this.events.listens = () => listening;
    this.registry = new PolicyRegistry({
      context: this.context,
      deadLetters: () => ({ store: (call) => this.keep(call) }),
    });
    this.parts = this.build(policies, attemptIndex);
    this.pipeline = new Pipeline(this.parts, lane.kind);
  }

  build(policies: Policies, attemptIndex = -1): PipelineParts {
    return this.registry.build('Orders.charge', readPolicyOptions(policies, 'spec'), { attemptIndex });
  }

  /** An undeclared method has shown what it answers only after its first call. */
  async shown(): Promise<this> {
    if (this.lane.kind !== 'unknown') return this;
    await this.play(gives('shown')).run('shown');
    this.events.clear();
    return this;
  }

  /** One step per attempt from now on; the last repeats. */
  play(...steps: Step[]): this {
    this.steps = steps;
    this.starts.length = this.given.length = 0;
    return this;
  }

  /** Calls, and lets time pass until it has answered, but no more. */
  async run(...args: unknown[]): Promise<Outcome> {
    let answered = false;
    const outcome = this.start(...args).finally(() => (answered = true));
    await this.clock.advance(0);
    for (let waited = 0; !answered && waited < 10_000; waited += 10) await this.clock.advance(10);
    if (!answered) throw new Error('It has not answered within 10 s');
    return outcome;
  }

  /** Since the bench was made. */
  get now(): number {
    return this.clock.now() - ORIGIN;
  }

  /** Calls; reads a stream to its end and answers with its last item. */
  async start(...args: unknown[]): Promise<Outcome> {
    try {
      return { value: await lastOf(this.call(...args)), at: this.now };
    } catch (error) {
      return { error, at: this.now };
    }
  }

  /** Whatever the lane answers, as it is. */
  call(...args: unknown[]): unknown {
    const { pipeline, service, method } = this;
    if (this.lane.way === 'handler') return this.handle(args);
    if (this.lane.way === 'signal') return pipeline.withSignal(method, service, args, new AbortController().signal);
    return pipeline.invoke(method, service, args);
  }

  get stats(): CallStats {
    return this.parts.stats;
  }

  /** What must be nothing when all calls have ended. */
  get leftovers(): object {
    const [budget] = this.registry.states.retry.values();
    const places = [...this.registry.states.bulkhead.values()][0]?.snapshot();
    return {
      calls: this.context.shutdown.running,
      timers: this.clock.awake.size,
      ...(budget && { active: budget.active, retrying: budget.retrying }),
      ...(places && { running: places.inUse, queued: places.queued }),
    };
  }

  get circuit(): string | undefined {
    const [circuit] = this.registry.states.circuitBreaker.all();
    return circuit?.state;
  }

  /** As the interceptor does: the arguments are known only when the handler is reached. */
  private handle(args: unknown[]): Observable<unknown> {
    const { pipeline, service, method } = this;
    return pipeline.around(pipeline.execution(undefined, []), (attempt) =>
      defer(() => {
        const { execution } = attempt;
        attempt.arrived = true;
        Object.assign(execution, { self: service, args });
        return admitted(attempt, () => toObservable(reachMethod(attempt, method)));
      }),
    );
  }

  readonly method = ((...args: unknown[]): unknown => {
    const step = this.steps[Math.min(this.starts.length, this.steps.length - 1)] ?? hangs;
    this.starts.push(this.now);
    this.given.push(args);
    this.onStart();
    switch (this.lane.shape) {
      case 'promise':
        return this.promiseOf(step);
      case 'observable':
        return this.observableOf(step);
      case 'iterable':
        return this.iterableOf(step);
      case 'sync':
        if (step.error !== undefined) throw step.error.thrown;
        return step.items?.at(-1);
    }
  }) as Method;

  private async promiseOf({ after, items = [], error }: Step): Promise<unknown> {
    await this.pass(after);
    if (error !== undefined) throw error.thrown;
    return items.at(-1);
  }

  private observableOf({ after, items = [], error }: Step): Observable<unknown> {
    return new Observable((subscriber) => {
      let ended = false;
      const emit = (): void => {
        for (const item of items) subscriber.next(item);
        ended = true;
        if (error === undefined) subscriber.complete();
        else subscriber.error(error.thrown);
      };
      subscriber.add(() => void (this.stopped += ended ? 0 : 1));
      if (after === 0) return emit();
      if (after === Infinity) return;
      const timer = this.clock.setTimer(emit, after);
      subscriber.add(() => timer.cancel());
    });
  }

  private async *iterableOf({ after, items = [], error }: Step): AsyncGenerator<unknown> {
    let ended = false;
    try {
      await this.pass(after);
      yield* items;
      ended = true;
      if (error !== undefined) throw error.thrown;
    } finally {
      this.stopped += ended ? 0 : 1;
    }
  }

  private async pass(ms: number): Promise<void> {
    if (ms > 0) await new Promise<void>((resolve) => void (ms < Infinity && this.clock.setTimer(resolve, ms)));
  }
}

async function lastOf(answer: unknown): Promise<unknown> {
  const settled = isObservable(answer) ? await lastValueFrom(answer, { defaultValue: undefined }) : await answer;
  if (!isAsyncIterable(settled)) return settled;
  let last: unknown;
  for await (const item of settled) last = item;
  return last;
}

/** Attempt contexts that the method was given at this index. */
export const attemptsIn = (bench: LaneBench, index: number): AttemptContext[] =>
  bench.given.map((args) => args[index] as AttemptContext);
