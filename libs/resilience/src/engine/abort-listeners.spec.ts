import { getEventListeners } from 'node:events';

import { describe, expect, it, jest } from '@jest/globals';

import { onAbort } from './abort-listeners.js';

const GONE = new Error('gone');
const left = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('Those who listen to a signal', () => {
  it('are all told, once, in the order in which they came', () => {
    const caller = new AbortController();
    const told: string[] = [];
    for (const who of ['a', 'b', 'c']) onAbort(caller.signal, () => told.push(who));

    caller.abort(GONE);
    caller.abort(GONE);

    expect(told).toEqual(['a', 'b', 'c']);
  });

  it('are one listener to the signal, and none when they have left or were told', () => {
    const caller = new AbortController();
    const leave = Array.from({ length: 30 }, () => onAbort(caller.signal, () => undefined));
    expect(left(caller.signal)).toBe(1);

    for (const one of leave) one();
    expect(left(caller.signal)).toBe(0);

    onAbort(caller.signal, () => undefined);
    expect(left(caller.signal)).toBe(1);
    caller.abort(GONE);
    expect(left(caller.signal)).toBe(0);
  });

  it('are not told when they have left, not even by one who is told before them', () => {
    const caller = new AbortController();
    const late = jest.fn();
    onAbort(caller.signal, () => leave());
    const leave = onAbort(caller.signal, late);

    caller.abort(GONE);

    expect(late).not.toHaveBeenCalled();
  });

  it('may come while others are told, or later, and are not told any more', () => {
    const caller = new AbortController();
    const late = jest.fn();
    onAbort(caller.signal, () => void onAbort(caller.signal, late));

    caller.abort(GONE);
    const leave = onAbort(caller.signal, late);
    leave();

    expect(late).not.toHaveBeenCalled();
    expect(left(caller.signal)).toBe(0);
  });

  it('may be one function twice: told twice, and each leaves for itself', () => {
    const caller = new AbortController();
    const listener = jest.fn();
    const leave = onAbort(caller.signal, listener);
    onAbort(caller.signal, listener);

    leave();
    leave();
    caller.abort(GONE);

    expect(listener).toHaveBeenCalledTimes(1);
  });

  it('hear of it although somebody has passed the event on meanwhile, which takes its target away', () => {
    const [caller, other] = [new AbortController(), new EventTarget()];
    const told = jest.fn();
    caller.signal.addEventListener('abort', (event) => {
      try {
        other.dispatchEvent(event);
      } catch {
        Object.defineProperty(event, 'currentTarget', { value: null });
      }
    });
    onAbort(caller.signal, told);

    caller.abort(GONE);

    expect(told).toHaveBeenCalledTimes(1);
  });

  it('hear of it although one before them throws', async () => {
    const caller = new AbortController();
    const next = jest.fn();
    const reported = jest.spyOn(globalThis, 'queueMicrotask').mockImplementation(() => undefined);
    onAbort(caller.signal, () => {
      throw GONE;
    });
    onAbort(caller.signal, next);

    caller.abort();

    expect(next).toHaveBeenCalledTimes(1);
    expect(reported.mock.calls[0]?.[0]).toThrow(GONE);
    reported.mockRestore();
  });
});
