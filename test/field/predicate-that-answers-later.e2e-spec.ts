import {
  createPolicy,
  DeadLetter,
  DeadLetterService,
  type Policies,
  type Policy,
  ResilienceModule,
  ResilienceOptionsError,
} from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';

import { outcome } from '../pains/app.js';

/** p-retry and cockatiel users write `async` predicates; a promise is always truthy, so each of these said "yes" in silence. */
type Fn = (...args: never[]) => unknown;
const down = (): Promise<never> => Promise.reject(new Error('down'));
const fine = async (): Promise<string> => 'fine';

interface Option {
  readonly name: string;
  readonly path: string;
  readonly policy: (fn: Fn) => Policies;
  /** What must run until the function is asked. */
  readonly run: (policy: Policy) => Promise<unknown>;
}
const option = (name: string, path: string, policy: (fn: Fn) => unknown, run: Option['run']): Option => ({
  ...{ name, path, run },
  policy: policy as Option['policy'],
});
const failing: Option['run'] = (policy) => policy.execute(down);
const answering: Option['run'] = (policy) => policy.execute(fine);

const OPTIONS: readonly Option[] = [
  option('retryOn', 'retry > retryOn', (retryOn) => ({ retry: { retryOn } }), failing),
  option('retryOn', 'retry > retryOn', (fn) => ({ retry: { retryOn: [RangeError, fn] } }), failing),
  option('abortOn', 'retry > abortOn', (abortOn) => ({ retry: { abortOn } }), failing),
  option('retryOnResult', 'retry > retryOnResult', (retryOnResult) => ({ retry: { retryOnResult } }), answering),
  option('strategy', 'retry > strategy', (strategy) => ({ retry: { strategy } }), failing),
  option('recordOn', 'circuitBreaker > recordOn', (recordOn) => ({ circuitBreaker: { recordOn } }), failing),
  option('ignoreOn', 'circuitBreaker > ignoreOn', (ignoreOn) => ({ circuitBreaker: { ignoreOn } }), failing),
  option(
    'recordResult',
    'circuitBreaker > recordResult',
    (fn) => ({ circuitBreaker: { recordResult: fn } }),
    answering,
  ),
  option('key', 'circuitBreaker > key', (key) => ({ circuitBreaker: { key } }), answering),
  option(
    'recoveryTimeout',
    'circuitBreaker > recoveryTimeout',
    (recoveryTimeout) => ({ circuitBreaker: { recoveryTimeout, failureThreshold: 1 } }),
    failing,
  ),
  option('key', 'rateLimit > key', (key) => ({ rateLimit: { limit: 5, interval: 5, key } }), answering),
  option('cost', 'rateLimit > cost', (cost) => ({ rateLimit: { limit: 5, interval: 5, cost } }), answering),
  option('key', 'cache > key', (key) => ({ cache: { ttl: 5, key } }), answering),
  option(
    'cacheResult',
    'cache > cacheResult',
    (fn) => ({ cache: { ttl: 5, key: () => 'k', cacheResult: fn } }),
    answering,
  ),
  option(
    'staleOn',
    'cache > staleOn',
    (staleOn) => ({ cache: { ttl: 5, key: () => 'k', staleIfError: 5, staleOn } }),
    failing,
  ),
  option('key', 'coalesce > key', (key) => ({ coalesce: { key } }), answering),
  option('on', 'fallback > [0] > on', (on) => ({ fallback: [{ use: { value: 1 }, on }] }), failing),
  option('enabled', 'chaos > enabled', (enabled) => ({ chaos: { rate: 1, result: 1, enabled } }), answering),
  option('fault', 'chaos > fault', (fault) => ({ chaos: { rate: 1, fault } }), answering),
];
const CASES = OPTIONS.map((one) => [one.path, one] as const);

const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);
beforeEach(() => {
  unhandled.length = 0;
  process.on('unhandledRejection', note);
});
afterEach(() => void process.off('unhandledRejection', note));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe.each(CASES)('%s', (path, { name, policy, run }) => {
  it.each<[string, Fn]>([
    ['an async function', async () => true],
    ['an async function that is named', async function decide() {}],
    ['an async generator', async function* () {}],
  ])('is refused when the options are read: %s', (_what, fn) => {
    const make = (): Policy => createPolicy({ name: 'orders', ...policy(fn) });

    expect(make).toThrow(ResilienceOptionsError);
    expect(make).toThrow(`orders > ${path}: got`);
    expect(make).toThrow(/answers at once/);
  });

  it.each<[string, Fn]>([
    ['a promise', () => Promise.resolve(false)],
    ['a rejected promise', () => Promise.reject(new Error('predicate'))],
    ['a thenable', () => ({ then: (done: (value: unknown) => void) => done(false) })],
    ['a thenable function', () => Object.assign(() => 1, { then: (_: unknown, no: (e: unknown) => void) => no(1) })],
  ])('ends the call with an error that names it when it answers with %s', async (_what, fn) => {
    const clock = new FakeClock();
    const orders = createPolicy({ clock, name: 'orders', ...policy(fn) });

    const call = outcome(run(orders));
    await clock.advance('10m');

    const error = await call;
    expect(error).toBeInstanceOf(ResilienceOptionsError);
    expect((error as Error).message).toMatch(
      new RegExp(`@\\w+ > ${name}: got .*, expected a function that answers at once`),
    );
    await turn();
    expect(unhandled).toEqual([]);
  });
});

describe('A circuit whose predicate answers later', () => {
  it.each(['recordOn', 'ignoreOn', 'recordResult'])('%s: gives the place of a half-open probe back', async (name) => {
    const clock = new FakeClock();
    let late = false;
    const predicate = (): unknown => (late ? Promise.resolve(true) : name === 'recordOn');
    const circuitBreaker = { failureThreshold: 1, recoveryTimeout: '10s', [name]: predicate };
    const policy = createPolicy({ clock, circuitBreaker, bulkhead: 1 });
    await outcome(policy.execute(down));
    await clock.advance('10s');
    late = true;
    await outcome(policy.execute(name === 'recordResult' ? fine : down));
    late = false;

    expect(await policy.execute(fine)).toBe('fine');
  });

  it('recoveryTimeout: opens all the same, for the default time', async () => {
    const clock = new FakeClock();
    const recoveryTimeout = (() => Promise.reject(new Error('later'))) as never;
    const policy = createPolicy({ clock, circuitBreaker: { failureThreshold: 1, recoveryTimeout } });
    await outcome(policy.execute(down));

    expect(await outcome(policy.execute(fine))).toMatchObject({
      code: 'RESILIENCE_CIRCUIT_OPEN',
      retryAfterMs: 60_000,
    });
    await turn();
    expect(unhandled).toEqual([]);
  });
});

describe('A dead letter whose function answers later', () => {
  const LATER = () => Promise.reject(new Error('later')) as never;

  it.each(['serializeArgs', 'redact', 'idempotencyKey', 'reviveArgs'])('%s: is refused when it is async', (name) => {
    const both =
      name === 'serializeArgs' || name === 'reviveArgs' ? { serializeArgs: () => 1, reviveArgs: () => [] } : {};
    class Orders {
      charge(): void {}
    }
    const descriptor = Object.getOwnPropertyDescriptor(Orders.prototype, 'charge')!;
    const decorate = (): unknown =>
      DeadLetter({ ...both, [name]: async () => 1 })(Orders.prototype, 'charge' as never, descriptor as never);

    expect(decorate).toThrow(new RegExp(`Orders.charge > @DeadLetter > ${name}: got .* answers at once`));
  });

  it.each<[string, object, RegExp | undefined]>([
    ['serializeArgs', { serializeArgs: LATER, reviveArgs: () => [] }, /@DeadLetter > serializeArgs: .*answers at once/],
    ['redact', { redact: LATER }, /@DeadLetter > redact: .*answers at once/],
    ['idempotencyKey', { idempotencyKey: LATER }, undefined],
  ])('%s: keeps the call, says what is wrong, hides nothing', async (_name, options, why) => {
    @Injectable()
    class Orders {
      @DeadLetter(options)
      async charge(_id: string): Promise<void> {
        return down();
      }
    }
    const app = await Test.createTestingModule({
      imports: [ResilienceModule.forRoot()],
      providers: [Orders],
    }).compile();
    await app.init();

    await outcome(app.get(Orders).charge('A-1'));

    const { items } = await app.get(DeadLetterService).list();
    expect(items).toHaveLength(1);
    expect(items[0]).toMatchObject({ replayable: why === undefined });
    if (why !== undefined) expect(items[0]?.notReplayable.join()).toMatch(why);
    await turn();
    expect(unhandled).toEqual([]);
    await app.close();
  });
});
