import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ConsecutiveBreaker, CountBreaker, handleAll, handleType, retry, SamplingBreaker } from 'cockatiel';
import Opossum from 'opossum';

import { createPolicy } from '../../src/policy/index.js';
import { type Call, cockatiel, type Contender, opossum, ours, pass, play, settled, useFakeTime } from './contenders.js';

/** Each test is a row of docs/differences.md: what the peer does, what we do, on the same calls. */
beforeEach(useFakeTime);
afterEach(() => void jest.useRealTimers());

const RECOVERY_MS = 1_000;
const consecutive = (failureThreshold = 1): Contender => ours({ failureThreshold, recoveryTimeout: RECOVERY_MS });

/** Opens it, and waits until it would let a probe in. */
async function openAndRecover(breaker: Contender, outcomes = 'x'): Promise<Contender> {
  await play(breaker, outcomes);
  await pass(RECOVERY_MS);
  return breaker;
}

async function probeThatHangs(breaker: Contender): Promise<Call> {
  const probe = (await openAndRecover(breaker)).start();
  await settled();
  expect(probe.fate.entered).toBe(true);
  return probe;
}

describe('cockatiel 3', () => {
  const theirs = (threshold = 1): Contender => cockatiel(new ConsecutiveBreaker(threshold), RECOVERY_MS);

  it('lets calls wait while a probe runs; we refuse them', async () => {
    const calls = [];
    for (const breaker of [theirs(), consecutive()]) {
      await probeThatHangs(breaker);
      calls.push(breaker.start());
      await settled();
    }

    expect(calls.map(({ fate }) => fate.entered || fate.refused)).toEqual([false, true]);
  });

  it('waits for ever for a probe that hangs; we count it as failed after halfOpenTimeout', async () => {
    const [them, us] = [theirs(), ours({ failureThreshold: 1, recoveryTimeout: RECOVERY_MS, halfOpenTimeout: 5_000 })];
    for (const breaker of [them, us]) await probeThatHangs(breaker);
    await pass(5_000 + RECOVERY_MS);
    const calls = [them.start(), us.start()];
    await pass(3_600_000);

    expect(calls.map(({ fate }) => fate.entered)).toEqual([false, true]);
  });

  it('lets a late failure of an earlier time open the circuit again; we drop it', async () => {
    const seen = [];
    for (const breaker of [theirs(), consecutive()]) {
      const late = breaker.start();
      await openAndRecover(breaker);
      await play(breaker, '.');
      await late.end('bad');
      seen.push(await play(breaker, '.'));
    }

    expect(seen).toEqual(['-', '.']);
  });

  it('takes an error that it does not handle for a proof of health when it probes; we give the permit back', async () => {
    const them = cockatiel(new ConsecutiveBreaker(1), RECOVERY_MS, handleType(TypeError));
    const us = ours({
      failureThreshold: 1,
      recoveryTimeout: RECOVERY_MS,
      ignoreOn: (error) => !(error instanceof TypeError),
    });
    for (const breaker of [them, us]) {
      await breaker.start().end(new TypeError('down'));
      await pass(RECOVERY_MS);
      await breaker.start().end(new RangeError('of no interest'));
    }

    expect([them.closings, us.closings]).toEqual([1, 0]);
  });

  it('opens above the threshold; we open at it', async () => {
    const them = cockatiel(new CountBreaker({ threshold: 0.5, size: 4 }), RECOVERY_MS);
    const us = ours({ window: 4, minimumCalls: 4, failureRate: 0.5 });

    expect([await play(them, '..xx.'), await play(us, '..xx.')]).toEqual(['..xx.', '..xx-']);
  });

  it('judges when a call fails; we judge after every result, so that a success may complete the minimum', async () => {
    const them = cockatiel(new CountBreaker({ threshold: 0.5, size: 20, minimumNumberOfCalls: 5 }), RECOVERY_MS);

    expect([await play(them, 'xxx...'), await play(ours({}), 'xxx...')]).toEqual(['xxx...', 'xxx..-']);
  });

  it('starts a closed window with the success of the probe; we start it empty', async () => {
    const them = cockatiel(new CountBreaker({ threshold: 0.4, size: 10, minimumNumberOfCalls: 2 }), RECOVERY_MS);
    const us = ours({ window: 10, minimumCalls: 2, failureRate: 0.4, recoveryTimeout: RECOVERY_MS });
    const seen = [];
    for (const breaker of [them, us]) {
      await openAndRecover(breaker, 'xx');
      await play(breaker, '.');
      seen.push(await play(breaker, 'x.'));
    }

    expect(seen).toEqual(['x-', 'x.']);
  });

  it('forgets the past of a time window one slice per call; we forget it by the clock', async () => {
    const them = cockatiel(new SamplingBreaker({ threshold: 0.5, duration: 10_000, minimumRps: 0.5 }), RECOVERY_MS);
    const us = ours({ window: '10s', minimumCalls: 5, failureRate: 0.5 });
    const seen = [];
    for (const breaker of [them, us]) {
      await play(breaker, 'xxxx');
      await pass(3_600_000);
      seen.push(await play(breaker, 'xx'));
    }

    expect(seen).toEqual(['x-', 'xx']);
  });

  it('retries with maxAttempts as we do with maxRetries: both count what follows the first call', async () => {
    const calls = [0, 0];
    const down = (index: number) => async () => {
      calls[index] = (calls[index] ?? 0) + 1;
      throw new Error('down');
    };
    const them = retry(handleAll, { maxAttempts: 2 }).execute(down(0));
    const us = createPolicy({ retry: { maxRetries: 2, strategy: 'immediate' } }).execute(down(1));
    const both = Promise.allSettled([them, us]);
    await pass(60_000);
    await both;

    expect(calls).toEqual([3, 3]);
  });
});

describe('opossum 9', () => {
  const theirs = (errorThresholdPercentage = 50, volumeThreshold = 0): Contender =>
    opossum({ errorThresholdPercentage, volumeThreshold, resetTimeout: RECOVERY_MS });

  it('opens at the first failure unless told otherwise; we want five results', async () => {
    expect([await play(theirs(), 'xx'), await play(ours({}), 'xx')]).toEqual(['x-', 'xx']);
  });

  it('opens above the threshold; we open at it', async () => {
    const us = ours({ window: '10s', minimumCalls: 4, failureRate: 0.5 });

    expect([await play(theirs(50, 4), '..xx.'), await play(us, '..xx.')]).toEqual(['..xx.', '..xx-']);
  });

  it('counts refused calls in its rate, which they dilute; we do not record them', async () => {
    const breaker = new Opossum(async () => Promise.reject(new Error('down')), {
      timeout: false,
      enableSnapshots: false,
    });
    for (let i = 0; i < 10; i++) await breaker.fire().catch(() => undefined);

    expect(breaker.stats).toMatchObject({ fires: 10, failures: 1 });
    const snapshots = ours({ window: '10s', minimumCalls: 1 });
    expect(await play(snapshots, 'xxxxxxxxxx')).toBe('x---------');
    expect(snapshots.closings).toBe(0);
  });

  it('keeps its window when it closes, so that one failure may open it again; we start an empty one', async () => {
    const seen = [];
    for (const breaker of [theirs(50, 5), ours({ window: '10s', recoveryTimeout: RECOVERY_MS })]) {
      await openAndRecover(breaker, 'xxxxx');
      await play(breaker, '.');
      seen.push(await play(breaker, 'x.'));
    }

    expect(seen).toEqual(['x-', 'x.']);
  });

  it('stays shut for as long as its probe hangs; we count the probe as failed after halfOpenTimeout', async () => {
    const [them, us] = [theirs(), ours({ failureThreshold: 1, recoveryTimeout: RECOVERY_MS, halfOpenTimeout: 5_000 })];
    for (const breaker of [them, us]) await probeThatHangs(breaker);
    await pass(3_600_000);

    expect([await play(them, '.'), await play(us, '.')]).toEqual(['-', '.']);
  });

  it('closes on the late success of a call that began before it opened; we drop it', async () => {
    const seen = [];
    for (const breaker of [theirs(), consecutive()]) {
      const late = breaker.start();
      await openAndRecover(breaker, 'xx');
      await late.end('good');
      seen.push(breaker.closings);
    }

    expect(seen).toEqual([1, 0]);
  });

  it('takes an error that errorFilter lets pass for a success, and closes on it; we give the permit back', async () => {
    const them = opossum({ resetTimeout: RECOVERY_MS, errorFilter: (error) => error instanceof RangeError });
    const us = ours({ failureThreshold: 1, recoveryTimeout: RECOVERY_MS, ignoreOn: RangeError });
    for (const breaker of [them, us]) {
      await openAndRecover(breaker);
      await breaker.start().end(new RangeError('of no interest'));
    }

    expect([them.closings, us.closings]).toEqual([1, 0]);
  });

  it('has timers of its own while nobody calls; we have none', () => {
    const before = jest.getTimerCount();
    ours({ window: '10s' });
    expect(jest.getTimerCount()).toBe(before);

    const breaker = new Opossum(() => 'fine');

    expect(jest.getTimerCount()).toBe(before + 2);
    breaker.shutdown();
  });
});
