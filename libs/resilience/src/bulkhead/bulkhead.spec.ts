import 'reflect-metadata';

import { AsyncLocalStorage } from 'node:async_hooks';

import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';

import { classifyError } from '../engine/classifier/classify-error.js';
import { Execution } from '../engine/execution.js';
import type { PipelineParts } from '../engine/pipeline-parts.js';
import { createPolicyContext, type PolicyContext } from '../engine/policy-context.js';
import { createPolicy, type Policy } from '../policy/index.js';
import { PolicyRegistry } from '../policy/policy-registry.js';
import { type PolicyOptions, readPolicyOptions } from '../policy/policy.options.js';
import { FakeClock } from '../testing/fake-clock.js';
import { RecordingEvents } from '../testing/recording-events.js';
import { ResilienceModule, ResilienceService } from '../nest/index.js';
import { Bulkhead, BulkheadFullError } from './index.js';
import { type BulkheadOptions, DEFAULT_BULKHEAD_OPTIONS, readBulkheadOptions } from './bulkhead.options.js';
import { BulkheadPolicy } from './bulkhead.policy.js';

interface Bench {
  readonly clock: FakeClock;
  readonly context: PolicyContext;
  readonly events: RecordingEvents;
  readonly bulkhead: BulkheadPolicy;
  execution(signal?: AbortSignal): Execution;
  /** Asks for a place; what came of it is in `log`. */
  ask(who: string, execution?: Execution): () => void;
  readonly log: (string | readonly [string, unknown])[];
}

function bench(options: BulkheadOptions): Bench {
  const clock = new FakeClock();
  const events = new RecordingEvents();
  const context = createPolicyContext({ clock, events });
  const bulkhead = new BulkheadPolicy('db', readBulkheadOptions(options, 'spec'), context);
  const execution: Bench['execution'] = (signal) =>
    new Execution({ name: 'Orders.find', context } as PipelineParts, undefined, [], 0, signal);
  const log: Bench['log'] = [];
  const ask: Bench['ask'] = (who, asking = execution()) =>
    bulkhead.acquire(asking, (refusal) => log.push(refusal === undefined ? who : [who, refusal]));
  return { clock, context, events, bulkhead, execution, ask, log };
}

describe('The options of @Bulkhead', () => {
  it('have these defaults', () => {
    expect(DEFAULT_BULKHEAD_OPTIONS).toEqual({ maxConcurrent: 25, maxQueue: 0 });
    expect(readBulkheadOptions(undefined, 'spec')).toEqual({
      name: undefined,
      maxConcurrent: 25,
      maxQueue: 0,
      maxWait: undefined,
    });
  });

  it('take a number for maxConcurrent', () => {
    expect(readBulkheadOptions(3, 'spec').maxConcurrent).toBe(3);
  });

  it('take a maxWait beside a maxQueue that was written, be it 0', () => {
    expect(readBulkheadOptions({ maxQueue: 0, maxWait: '2s' }, 'spec').maxWait).toBe(2000);
    expect(() => readBulkheadOptions({ maxWait: '2s' }, 'spec')).toThrow('nothing without maxQueue');
  });
});

describe('Places', () => {
  it('are given up to maxConcurrent, and again when one is free', () => {
    const { bulkhead } = bench({ maxConcurrent: 2 });

    expect([bulkhead.tryAcquire(), bulkhead.tryAcquire(), bulkhead.tryAcquire()]).toEqual([true, true, false]);
    bulkhead.release();

    expect([bulkhead.tryAcquire(), bulkhead.tryAcquire()]).toEqual([true, false]);
  });

  it('that were taken for an attempt that never ran go to the next', () => {
    const { bulkhead, ask, log } = bench({ maxConcurrent: 1, maxQueue: 1 });
    bulkhead.tryAcquire();
    ask('waiting');

    bulkhead.refund();

    expect(log).toEqual(['waiting']);
    expect(bulkhead.snapshot()).toMatchObject({ inUse: 1, queued: 0 });
  });

  it('that are added while the application runs go to those who wait; places that are taken away are not given again', () => {
    const { bulkhead, ask, log } = bench({ maxConcurrent: 1, maxQueue: 9 });
    ['a', 'b', 'c', 'd'].forEach((who) => ask(who));

    bulkhead.reconfigure({ ...bulkhead.options, maxConcurrent: 3 });
    expect(log).toEqual(['a', 'b', 'c']);
    bulkhead.reconfigure({ ...bulkhead.options, maxConcurrent: 1 });
    bulkhead.release();
    bulkhead.release();

    expect(log).toEqual(['a', 'b', 'c']);
    bulkhead.release();
    expect(log).toEqual(['a', 'b', 'c', 'd']);
  });
});

describe('A full bulkhead', () => {
  it('refuses with what a caller may want to know', () => {
    const { bulkhead, ask, log } = bench({ maxConcurrent: 1, maxQueue: 1 });

    ['a', 'b', 'c'].forEach((who) => ask(who));

    const [, error] = log[1] as [string, BulkheadFullError];
    expect(error).toBeInstanceOf(BulkheadFullError);
    expect(error).toMatchObject({
      name: 'BulkheadFullError',
      code: 'RESILIENCE_BULKHEAD_FULL',
      policy: 'Orders.find',
      maxConcurrent: 1,
      maxQueue: 1,
      because: 'full',
      message: 'Orders.find: calls have taken the one place of its bulkhead, and 1 more wait in line',
    });
    expect(bulkhead.snapshot()).toEqual({
      inUse: 1,
      queued: 1,
      maxConcurrent: 1,
      maxQueue: 1,
      rejected: { 'Orders.find': 1 },
    });
  });

  it('spends no time on a stack that nobody reads', () => {
    const { ask, log } = bench({ maxConcurrent: 1 });
    const before = Error.stackTraceLimit;

    ['a', 'b'].forEach((who) => ask(who));

    const [, error] = log[1] as [string, Error];
    expect(error.stack).not.toContain('\n');
    expect(Error.stackTraceLimit).toBe(before);
  });

  it('tells listeners', () => {
    const { ask, events } = bench({ maxConcurrent: 1 });

    ['a', 'b'].forEach((who) => ask(who));

    expect(events.of('resilience.bulkhead.rejected')).toEqual([
      {
        policy: 'Orders.find',
        executionId: expect.any(String),
        bulkhead: 'db',
        because: 'full',
        maxConcurrent: 1,
        maxQueue: 0,
      },
    ]);
  });

  it('is no failure of the dependency, and not retried by default', () => {
    const { kind, reason, retryable, countsAsFailure } = classifyError(new BulkheadFullError('p', 25, 0));

    expect({ kind, reason, retryable, countsAsFailure }).toEqual({
      kind: 'transient',
      reason: 'bulkhead_full',
      retryable: false,
      countsAsFailure: false,
    });
  });

  it('lets nobody wait who cannot', () => {
    const { bulkhead, ask, log, execution } = bench({ maxConcurrent: 1, maxQueue: 5 });
    bulkhead.tryAcquire();

    ask('sync', Object.assign(execution(), { canWait: false }));

    expect(log).toEqual([['sync', expect.objectContaining({ because: 'cannot_wait' })]]);
    expect(bulkhead.snapshot().queued).toBe(0);
  });
});

describe('The line', () => {
  it('is served in order, and nobody passes it', () => {
    const { bulkhead, ask, log } = bench({ maxConcurrent: 1, maxQueue: 9 });
    ['a', 'b', 'c'].forEach((who) => ask(who));

    bulkhead.release();

    expect(log).toEqual(['a', 'b']);
    expect(bulkhead.tryAcquire()).toBe(false);
    bulkhead.release();
    expect(log).toEqual(['a', 'b', 'c']);
  });

  it('closes where somebody leaves, and whoever left gets no place', () => {
    const { bulkhead, ask, log } = bench({ maxConcurrent: 1, maxQueue: 9 });
    ask('a');
    const leave = ['b', 'c', 'd'].map((who) => ask(who));

    leave[1]?.();
    leave[1]?.();
    bulkhead.release();
    leave[0]?.();
    bulkhead.release();
    bulkhead.release();

    expect(log).toEqual(['a', 'b', 'd']);
    expect(bulkhead.snapshot()).toMatchObject({ inUse: 0, queued: 0 });
  });

  it('is left with a refusal after maxWait, and no timer stays behind', async () => {
    const { clock, bulkhead, ask, log } = bench({ maxConcurrent: 1, maxQueue: 9, maxWait: '2s' });
    ask('a');
    ask('b');
    await clock.advance('1s');
    ask('c');

    await clock.advance('1s');
    bulkhead.release();

    expect(log).toEqual(['a', ['b', expect.objectContaining({ because: 'queue_timeout' })], 'c']);
    expect(clock.pending).toBe(0);
  });

  it("is left at once with the signal's reason when the caller aborts", () => {
    const { bulkhead, ask, log, execution } = bench({ maxConcurrent: 1, maxQueue: 9 });
    const controller = new AbortController();
    const reason = new Error('no longer needed');
    ask('a');
    ask('b', execution(controller.signal));

    controller.abort(reason);
    bulkhead.release();

    expect(log).toEqual(['a', ['b', reason]]);
    expect(bulkhead.snapshot()).toMatchObject({ inUse: 0, queued: 0 });
  });

  it('is not joined by who was aborted before', () => {
    const { bulkhead, ask, log, execution } = bench({ maxConcurrent: 1, maxQueue: 9 });
    const reason = new Error('no longer needed');
    ask('a');

    ask('b', execution(AbortSignal.abort(reason)));

    expect(log).toEqual(['a', ['b', reason]]);
    expect(bulkhead.snapshot().queued).toBe(0);
  });

  it('is refused when the process goes, and closed to newcomers', () => {
    const { context, bulkhead, ask, log, execution } = bench({ maxConcurrent: 1, maxQueue: 9 });
    const waiting = execution();
    const late = execution();
    ask('a');
    ask('b', waiting);

    context.shutdown.begin();
    ask('c', late);
    bulkhead.release();

    const refusal = expect.objectContaining({ code: 'RESILIENCE_BULKHEAD_FULL', because: 'shutdown' });
    expect(log).toEqual(['a', ['b', refusal], ['c', refusal]]);
    expect([waiting.cutShort, late.cutShort]).toEqual(['shutdown', 'shutdown']);
  });

  it('wakes a caller in that caller’s own async context', () => {
    const who = new AsyncLocalStorage<string>();
    const { bulkhead, execution } = bench({ maxConcurrent: 1, maxQueue: 9 });
    const seen: (string | undefined)[] = [];
    bulkhead.tryAcquire();
    who.run('waiting', () => bulkhead.acquire(execution(), () => seen.push(who.getStore())));

    who.run('ending', () => bulkhead.release());

    expect(seen).toEqual(['waiting']);
  });

  it('may be longer than the stack is deep', () => {
    const { bulkhead, execution } = bench({ maxConcurrent: 1, maxQueue: 20_000 });
    let ended = 0;
    bulkhead.tryAcquire();
    for (let calls = 0; calls < 20_000; calls++) {
      bulkhead.acquire(execution(), () => {
        ended++;
        bulkhead.release();
      });
    }

    bulkhead.release();

    expect(ended).toBe(20_000);
    expect(bulkhead.snapshot()).toMatchObject({ inUse: 0, queued: 0 });
  });

  it('goes on when one turn throws', () => {
    const { bulkhead, ask, log, execution } = bench({ maxConcurrent: 2, maxQueue: 9 });
    bulkhead.tryAcquire();
    bulkhead.tryAcquire();
    bulkhead.acquire(execution(), () => {
      bulkhead.release();
      throw new Error('a bug');
    });
    ask('next');

    expect(() => bulkhead.release()).toThrow('a bug');

    expect(log).toEqual(['next']);
  });
});

describe('Around calls', () => {
  const policyWith = (options: PolicyOptions): { policy: Policy; clock: FakeClock; events: RecordingEvents } => {
    const clock = new FakeClock();
    const events = new RecordingEvents();
    return { policy: createPolicy({ name: 'orders', ...options, clock, events, random: () => 0.5 }), clock, events };
  };

  it('no more than maxConcurrent run at once, the others in their order', async () => {
    const { policy, clock } = policyWith({ bulkhead: { maxConcurrent: 2, maxQueue: 10 } });
    let running = 0;
    let most = 0;
    const started: number[] = [];
    const work = (id: number) => async (): Promise<number> => {
      started.push(id);
      most = Math.max(most, ++running);
      await new Promise<void>((resolve) => clock.setTimer(resolve, 10 + id));
      running--;
      return id;
    };

    const answers = Promise.all([0, 1, 2, 3, 4, 5].map((id) => policy.execute(work(id))));
    await clock.advance('1s');

    await expect(answers).resolves.toEqual([0, 1, 2, 3, 4, 5]);
    expect(started).toEqual([0, 1, 2, 3, 4, 5]);
    expect(most).toBe(2);
  });

  it('a refusal goes to the fallback, is not retried, and does not open the circuit', async () => {
    const { policy, clock, events } = policyWith({
      bulkhead: 1,
      retry: 3,
      circuitBreaker: { failureThreshold: 1 },
      fallback: { value: 'busy' },
    });

    const first = policy.execute(async () => {
      await new Promise<void>((resolve) => clock.setTimer(resolve, 100));
      return 'done';
    });
    await expect(policy.execute(() => 'never')).resolves.toBe('busy');
    await clock.advance(100);

    await expect(first).resolves.toBe('done');
    await expect(policy.execute(() => 'again')).resolves.toBe('again');
    expect(events.names).toContain('resilience.bulkhead.rejected');
    expect(events.names).not.toContain('resilience.circuit.opened');
    expect(events.names).not.toContain('resilience.retry.scheduled');
  });

  it('a failed attempt gives its place back before it waits for its retry', async () => {
    const { policy, clock } = policyWith({ bulkhead: 1, retry: { maxRetries: 1, baseDelay: 100, jitter: 'none' } });
    let attempts = 0;

    const failing = policy.execute(() => {
      if (++attempts === 1) throw new Error('once');
      return 'recovered';
    });
    await clock.advance(50);

    await expect(policy.execute(() => 'meanwhile')).resolves.toBe('meanwhile');
    await clock.advance(50);
    await expect(failing).resolves.toBe('recovered');
  });

  it('a bulkhead keeps its state when the policy that declared it changes', () => {
    const registry = new PolicyRegistry({
      context: createPolicyContext(),
      deadLetters: () => ({ store: () => Promise.resolve(undefined) }),
    });
    const before = readPolicyOptions({ bulkhead: 1 }, 'A.read');
    const old = registry.build('A.read', before, { attemptIndex: -1 }).permits;
    old?.tryAcquire([], 0);

    const policy = readPolicyOptions({ bulkhead: 2 }, 'A.read');
    const { permits } = registry.build('A.read', policy, { attemptIndex: -1, before });

    expect([permits?.tryAcquire([], 0), permits?.tryAcquire([], 0)]).toEqual([true, false]);
    old?.release();
    expect(permits?.tryAcquire([], 0)).toBe(true);
  });

  it('one name is one bulkhead; the first of two declarations that disagree wins, and that is said', () => {
    const warnings: string[] = [];
    const registry = new PolicyRegistry({
      context: createPolicyContext(),
      deadLetters: () => ({ store: () => Promise.resolve(undefined) }),
      warn: (message) => warnings.push(message),
    });
    const build = (name: string, bulkhead: BulkheadOptions): unknown =>
      registry.build(name, readPolicyOptions({ bulkhead }, name), { attemptIndex: -1 });

    build('A.read', { name: 'db', maxConcurrent: 5 });
    build('B.read', { name: 'db', maxConcurrent: 5 });
    build('B.write', { name: 'db', maxConcurrent: 7 });
    build('C.other', {});

    expect([...registry.states.bulkhead.values()].map(({ name }) => name)).toEqual(['db', 'C.other']);
    expect([...registry.states.bulkhead.values()][0]?.snapshot().maxConcurrent).toBe(5);
    expect(warnings).toEqual(["Bulkhead 'db' is declared twice with different options; the first declaration wins"]);
  });
});

describe('In an application', () => {
  it('a class has a bulkhead per method, and one for all methods that name one', async () => {
    let finish = (): void => undefined;
    const slow = new Promise<void>((resolve) => (finish = resolve));

    @Bulkhead(1)
    @Injectable()
    class Reports {
      async render(): Promise<void> {
        await slow;
      }
      async list(): Promise<string> {
        return 'reports';
      }
      @Bulkhead({ name: 'mail', maxConcurrent: 3 })
      async send(): Promise<void> {
        await slow;
      }
    }
    const module = await Test.createTestingModule({
      imports: [ResilienceModule.forRoot()],
      providers: [Reports],
    }).compile();
    await module.init();
    const reports = module.get(Reports);

    const running = [reports.render(), reports.send(), reports.send()];

    await expect(reports.render()).rejects.toBeInstanceOf(BulkheadFullError);
    await expect(reports.list()).resolves.toBe('reports');
    const inUse = (): object[] =>
      [...module.get(ResilienceService).bulkheads()].map((one) => ({ [one.name]: one.snapshot().inUse }));
    expect(inUse()).toEqual(expect.arrayContaining([{ 'Reports.render': 1 }, { 'Reports.list': 0 }, { mail: 2 }]));
    finish();
    await Promise.all(running);
    expect(inUse()).toEqual(expect.arrayContaining([{ 'Reports.render': 0 }, { mail: 0 }]));
    await module.close();
  });
});
