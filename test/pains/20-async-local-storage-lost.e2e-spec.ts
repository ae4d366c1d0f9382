/**
 * Pain 20, nestjs/nest#8210, #11923, #15317, Papooch/nestjs-cls#5, PostHog/posthog-js PR#4351: after a wait the code runs in the
 * context of whoever fired the timer, and the request id is gone or, worse, another request's. Here attempts and fallbacks run in
 * the context of the caller.
 *
 * No peer: those installed wait on promises of their own and keep the context.
 */
import 'reflect-metadata';

import { AsyncLocalStorage } from 'node:async_hooks';

import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { createPolicy, Fallback, Retry, Timeout } from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';
import { defer, lastValueFrom, type Observable } from 'rxjs';

import { bootOne, hang, lastItem, outcome } from './app.js';

const request = new AsyncLocalStorage<string>();
const AFTER_WAITS = { maxRetries: 2, strategy: 'constant', baseDelay: '1s', jitter: 'none', budget: false } as const;

describe('Pain 20: AsyncLocalStorage is lost', () => {
  it('a policy runs attempts and fallback in the context of its caller, whoever lets time pass', async () => {
    const clock = new FakeClock();
    const seen: unknown[] = [];
    const policy = createPolicy({
      clock,
      retry: AFTER_WAITS,
      timeout: '5s',
      fallback: () => void seen.push(request.getStore()),
    });
    const call = (name: string): Promise<unknown> =>
      request.run(name, () =>
        policy.execute(() => {
          seen.push(request.getStore());
          return hang();
        }),
      );

    const calls = Promise.all([call('a'), call('b')]);
    await request.run('the clock', () => clock.advance('1m'));
    await calls;

    expect(seen).toEqual(['a', 'b', 'a', 'b', 'a', 'b', 'a', 'b']);
  });

  it.each(['promise', 'observable', 'iterable'] as const)('so does a decorated method: %s', async (kind) => {
    const seen: string[] = [];
    @Injectable()
    class Service {
      @Retry(AFTER_WAITS)
      @Timeout('5s')
      @Fallback('instead')
      promise(caller: string): Promise<string> {
        return this.note(caller);
      }
      @Retry(AFTER_WAITS)
      @Timeout('5s')
      @Fallback('instead')
      observable(caller: string): Observable<string> {
        return defer(() => this.note(caller));
      }
      @Retry(AFTER_WAITS)
      @Timeout('5s')
      @Fallback('instead')
      async *iterable(caller: string): AsyncGenerator<string> {
        yield await this.note(caller);
      }
      instead(caller: string): string {
        seen.push(`${caller} in ${request.getStore()}`);
        return 'instead';
      }
      private note(caller: string): Promise<never> {
        seen.push(`${caller} in ${request.getStore()}`);
        return Promise.reject(new Error('down'));
      }
    }
    const { clock, close, service } = await bootOne(Service);
    const call = (name: string): Promise<unknown> =>
      request.run(name, () => {
        if (kind === 'promise') return outcome(service.promise(name));
        return outcome(
          kind === 'observable' ? lastValueFrom(service.observable(name)) : lastItem(service.iterable(name)),
        );
      });

    const calls = Promise.all([call('a'), call('b')]);
    await request.run('the clock', () => clock.advance('1m'));

    expect(await calls).toEqual(['instead', 'instead']);
    expect(seen.sort()).toEqual([...Array<string>(4).fill('a in a'), ...Array<string>(4).fill('b in b')]);
    await close();
  });
});
