import {
  Bulkhead,
  Cache,
  CircuitBreaker,
  Coalesce,
  DeadLetter,
  DeadLetterService,
  Fallback,
  Hedge,
  ResilienceModule,
  ResilienceService,
  Retry,
  Timeout,
} from '@nest-resilience/core';
import { TelemetryModule } from '@nest-resilience/core/telemetry';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable, type Type } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { firstValueFrom, isObservable, lastValueFrom, of, throwError } from 'rxjs';

import { outcome } from '../pains/app.js';

/** A method that answers from memory at first and with a promise later (DataLoader-like, "maybe async"). */
type Answer = () => unknown;
const DOWN = new Error('down');
const value: Answer = () => 'value';
const resolves: Answer = () => Promise.resolve('resolved');
const rejects: Answer = () => Promise.reject(DOWN);
const throws: Answer = () => {
  throw DOWN;
};
const thenable: Answer = () => ({ then: (done: (value: string) => void) => done('then') });
const thenableFunction: Answer = () =>
  Object.assign(() => undefined, { then: (_done: unknown, fail: (error: unknown) => void) => fail(DOWN) });
const observable: Answer = () => of('item');
const brokenObservable: Answer = () => throwError(() => DOWN);
const iterable: Answer = async function* () {
  yield 'item';
};
const brokenIterable: Answer = async function* () {
  yield* [];
  throw DOWN;
};

class Source {
  answers: Answer[] = [];
  asked = 0;
  next(): unknown {
    const answer = this.answers[Math.min(this.asked++, this.answers.length - 1)] ?? value;
    return answer();
  }
}

const now = { maxRetries: 2, strategy: 'immediate', budget: false } as const;
const LAYERS: Readonly<Record<string, MethodDecorator[]>> = {
  'no other policy': [],
  Cache: [Cache({ ttl: '1m' })],
  Coalesce: [Coalesce()],
  Hedge: [Hedge({ delay: '5s' })],
  Bulkhead: [Bulkhead({ maxConcurrent: 1 })],
  Timeout: [Timeout('5s')],
  'all of them': [
    Cache({ ttl: '1m' }),
    Coalesce(),
    Hedge({ delay: '5s' }),
    Bulkhead({ maxConcurrent: 1 }),
    Timeout('5s'),
  ],
};

let app: TestingModule | undefined;
afterEach(() => app?.close());

async function start<T extends Source>(type: Type<T>, traced: boolean): Promise<T> {
  const telemetry = traced ? [TelemetryModule.forRoot()] : [];
  const module = Test.createTestingModule({
    imports: [ResilienceModule.forRoot(), ...telemetry],
    providers: [type],
  });
  app = await module.compile();
  await app.init();
  return app.get(type);
}

function serviceWith(...decorators: MethodDecorator[]): Type<Source & { get(id: string): unknown }> {
  @Injectable()
  class Items extends Source {
    get(_id: string): unknown {
      return this.next();
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(Items.prototype, 'get')!;
  for (const decorate of decorators) {
    Object.defineProperty(Items.prototype, 'get', decorate(Items.prototype, 'get', descriptor) ?? descriptor);
  }
  return Items;
}

async function read(answer: unknown): Promise<unknown> {
  if (isObservable(answer)) return lastValueFrom(answer);
  const settled = await answer;
  if (typeof settled !== 'object' || settled === null || !(Symbol.asyncIterator in settled)) return settled;
  let last: unknown;
  for await (const item of settled as AsyncIterable<unknown>) last = item;
  return last;
}
const readCall = async (call: () => unknown): Promise<unknown> => outcome((async () => read(call()))());

const everyLayer = Object.entries(LAYERS).flatMap(([name, layers]) =>
  [false, true].map((traced) => [`${name}${traced ? ', traced' : ''}`, layers, traced] as const),
);

describe.each(everyLayer)('A method that only sometimes returns a promise, with %s', (_name, layers, traced) => {
  it.each<[string, Answer[]]>([
    ['a value, then a promise', [value, rejects, resolves]],
    ['a value, then a thenable', [value, rejects, thenable]],
    ['a value, then a thenable function', [value, thenableFunction, resolves]],
    ['a promise, then a value', [resolves, rejects, value]],
    ['a throw, then a promise', [throws, throws, resolves, rejects, resolves]],
    ['a value, then a throw, then a promise', [value, throws, rejects, resolves]],
    ['a value, then an Observable', [value, brokenObservable, observable]],
    ['a promise, then an Observable', [resolves, brokenObservable, observable]],
    ['a value, then an async iterable', [value, brokenIterable, iterable]],
    ['a value, then an Observable, then a promise', [value, brokenObservable, resolves]],
  ])('retries whatever fails: %s', async (_what, answers) => {
    const service = await start(serviceWith(...layers, Retry(now)), traced);
    service.answers = answers;

    const first = await readCall(() => service.get('first'));
    const second = await readCall(() => service.get('second'));

    expect([first, second]).not.toContain(DOWN);
    expect(service.asked).toBe(answers.length);
  });

  it.each<[string, Answer]>([
    ['a promise', rejects],
    ['a thenable function', thenableFunction],
    ['an Observable', brokenObservable],
    ['an async iterable', brokenIterable],
  ])('rescues, counts and keeps a failed call: %s', async (_what, broken) => {
    const service = await start(
      serviceWith(
        ...layers,
        Fallback(() => Promise.reject(new Error('no rescue'))) as MethodDecorator,
        CircuitBreaker({ name: 'items', failureThreshold: 1 }) as MethodDecorator,
        DeadLetter('items'),
      ),
      traced,
    );
    service.answers = [value, broken];
    await readCall(() => service.get('first'));

    const second = await readCall(() => service.get('second'));

    expect(second).toBe(DOWN);
    expect(app!.get(ResilienceService).circuit('items').state).toBe('open');
    const { items } = await app!.get(DeadLetterService).list({ queue: 'items' });
    expect(items).toMatchObject([{ args: ['second'], fallbacks: [{ error: { message: 'no rescue' } }] }]);
    expect(app!.get(ResilienceService).metrics().methods).toMatchObject({ 'Items.get': { total: 2, failed: 1 } });
    expect([...app!.get(ResilienceService).bulkheads()].map((place) => place.snapshot().inUse)).toEqual(
      [...app!.get(ResilienceService).bulkheads()].map(() => 0),
    );
  });

  it('answers with the fallback of a rejected promise', async () => {
    const service = await start(serviceWith(...layers, Fallback(() => 'rescued') as MethodDecorator), traced);
    service.answers = [value, rejects];
    await readCall(() => service.get('first'));

    expect(await readCall(() => service.get('second'))).toBe('rescued');
  });

  it('tries the next fallback when one that was asked for a synchronous failure rejects', async () => {
    const chain = Fallback([
      () => Promise.reject(new Error('first')),
      { value: 'rescued' },
    ] as never) as MethodDecorator;
    const service = await start(serviceWith(...layers, chain), traced);
    service.answers = [value, throws];
    await readCall(() => service.get('first'));

    expect(await readCall(() => service.get('second'))).toBe('rescued');
  });
});

describe('A method that only sometimes returns a promise', () => {
  it('never has a rejected promise kept by its cache, but what it resolves with', async () => {
    const service = await start(serviceWith(Cache({ ttl: '1m' }) as MethodDecorator), false);
    service.answers = [value, rejects, resolves, rejects];
    await readCall(() => service.get('first'));

    const answers = [];
    for (let call = 0; call < 3; call++) answers.push(await readCall(() => service.get('second')));

    expect(answers).toEqual([DOWN, 'resolved', 'resolved']);
  });

  it('that has promised once still hands a stream through as a stream, and goes on promising', async () => {
    const service = await start(serviceWith(Retry(now)), false);
    service.answers = [resolves, observable, resolves];
    await service.get('1');

    const stream = service.get('2');
    const promise = service.get('3');

    expect(isObservable(stream) && (await firstValueFrom(stream))).toBe('item');
    expect(await promise).toBe('resolved');
  });

  it('whose promise fails in a half-open circuit opens it again', async () => {
    const service = await start(
      serviceWith(
        Cache({ ttl: 1 }) as MethodDecorator,
        CircuitBreaker({ name: 'half', failureThreshold: 1, recoveryTimeout: 0 }) as MethodDecorator,
      ),
      false,
    );
    service.answers = [value, rejects, rejects];
    await readCall(() => service.get('1'));
    await readCall(() => service.get('2'));

    await readCall(() => service.get('3'));

    expect(app!.get(ResilienceService).circuit('half').snapshot().state).not.toBe('closed');
  });
});
