import { getEventListeners } from 'node:events';

import { createPolicy } from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';
import { describe, expect, it } from '@jest/globals';
import type { Observable } from 'rxjs';
import { NEVER } from 'rxjs';

import { outcome } from '../pains/app.js';

/** Node warns of a leak (MaxListenersExceededWarning) from the eleventh listener on. */
const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;
const GONE = new Error('gone');
const hang = (): Promise<never> => new Promise(() => undefined);
const down = (): Promise<never> => Promise.reject(new Error('down'));

describe('Twenty calls under one request’s signal', () => {
  it.each<[string, (policy: ReturnType<typeof createPolicy>, signal: AbortSignal) => Promise<unknown>]>([
    ['that run', (policy, signal) => policy.execute(hang, { signal })],
    ['whose attempts listen', (policy, signal) => policy.execute((attempt) => (attempt.signal, hang()), { signal })],
    ['that wait for a retry', (policy, signal) => policy.execute(down, { signal })],
    [
      'that read an async iterable',
      async (policy, signal) => {
        async function* source(): AsyncGenerator<never> {
          yield await hang();
        }
        const items = await policy.execute<AsyncIterable<never>>(() => source() as never, { signal });
        return items[Symbol.asyncIterator]().next();
      },
    ],
    [
      'that read an Observable',
      async (policy, signal) => {
        const items = await policy.execute<Observable<never>>(() => NEVER, { signal });
        return new Promise((resolve, reject) => items.subscribe({ error: reject, complete: () => resolve(undefined) }));
      },
    ],
  ])('%s: the signal has one listener, all of them hear of its end, none is left', async (_what, call) => {
    const policy = createPolicy({ clock: new FakeClock(), retry: { baseDelay: '1m', budget: false }, timeout: '1h' });
    const caller = new AbortController();

    const calls = Array.from({ length: 20 }, () => outcome(call(policy, caller.signal)));
    await new Promise((resolve) => setImmediate(resolve));
    expect(listeners(caller.signal)).toBe(1);
    caller.abort(GONE);

    expect(await Promise.all(calls)).toEqual(calls.map(() => GONE));
    expect(listeners(caller.signal)).toBe(0);
  });

  it('in line for a place: one listener, and none when all were served', async () => {
    const clock = new FakeClock();
    const policy = createPolicy({ clock, bulkhead: { maxConcurrent: 1, maxQueue: 50 } });
    const { signal } = new AbortController();

    const calls = Array.from({ length: 20 }, (_, index) => policy.execute(async () => index, { signal }));
    expect(listeners(signal)).toBe(1);

    expect(await Promise.all(calls)).toHaveLength(20);
    expect(listeners(signal)).toBe(0);
  });
});
