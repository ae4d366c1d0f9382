import { AsyncLocalStorage } from 'node:async_hooks';

import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { timer } from 'rxjs';

import { FakeClock } from '../testing/fake-clock.js';
import { ClockScheduler } from './clock-scheduler.js';
import { systemClock } from './clock.js';

afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

describe('The system’s clock', () => {
  it('reads the monotonic and the wall clock of the moment', () => {
    jest.spyOn(performance, 'now').mockReturnValue(12.5);
    jest.spyOn(Date, 'now').mockReturnValue(1_700_000_000_000);

    expect([systemClock.now(), systemClock.epochNow()]).toEqual([12.5, 1_700_000_000_000]);
  });

  it('calls back when the time has come, unless cancelled', () => {
    jest.useFakeTimers();
    const called: string[] = [];
    systemClock.setTimer(() => called.push('kept'), 100);
    systemClock.setTimer(() => called.push('cancelled'), 50).cancel();

    jest.advanceTimersByTime(99);
    expect(called).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(called).toEqual(['kept']);
  });

  it.each([2 ** 31, Infinity])('does not fire at once for %p ms, which are more than a timer can count', (delay) => {
    jest.useFakeTimers();
    const callback = jest.fn();
    systemClock.setTimer(callback, delay);

    jest.advanceTimersByTime(2 ** 31 - 2);
    expect(callback).not.toHaveBeenCalled();
    jest.advanceTimersByTime(1);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  it('has timers that keep the process alive or do not', () => {
    const set = jest.spyOn(globalThis, 'setTimeout');
    const handle = systemClock.setTimer(() => undefined, 60_000);
    const timer = set.mock.results[0]?.value as NodeJS.Timeout;

    expect(timer.hasRef()).toBe(true);
    handle.unref();
    expect(timer.hasRef()).toBe(false);
    handle.ref();
    expect(timer.hasRef()).toBe(true);
    handle.cancel();
  });
});

describe('A clock as a scheduler of RxJS', () => {
  it('runs operators on the time of the clock', async () => {
    const clock = new FakeClock();
    const seen: [number, number][] = [];
    const subscription = timer(100, 50, new ClockScheduler(clock)).subscribe((n) => seen.push([n, clock.now()]));

    await clock.advance(220);
    subscription.unsubscribe();
    await clock.advance(220);

    expect(seen).toEqual([
      [0, 100],
      [1, 150],
      [2, 200],
    ]);
    expect(clock.pending).toBe(0);
  });

  it('reads its time', async () => {
    const clock = new FakeClock();
    await clock.advance(42);

    expect(new ClockScheduler(clock).now()).toBe(42);
  });

  it('gives each run its state, and the next at once where no delay is said', async () => {
    const clock = new FakeClock();
    const states: unknown[] = [];
    new ClockScheduler(clock).schedule<number>(function (state) {
      states.push([state, clock.now()]);
      if (state !== undefined && state < 3) this.schedule(state + 1);
    }, 10, 1); // prettier-ignore
    new ClockScheduler(clock).schedule((state) => states.push(state));

    await clock.advance(10);

    expect(states).toEqual([undefined, [1, 10], [2, 10], [3, 10]]);
  });

  it('does not run what was unsubscribed, nor what is never due', async () => {
    const clock = new FakeClock();
    const work = jest.fn();
    const scheduler = new ClockScheduler(clock);

    scheduler.schedule(work, 10).unsubscribe();
    scheduler.schedule(work, Infinity);
    await clock.advance('30d');

    expect(work).not.toHaveBeenCalled();
    expect(clock.pending).toBe(0);
  });

  it('runs in the async context of who scheduled', async () => {
    const clock = new FakeClock();
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    for (const name of ['a', 'b']) {
      storage.run(name, () => new ClockScheduler(clock).schedule(() => seen.push(storage.getStore()), 10));
    }

    await clock.advance(10);

    expect(seen).toEqual(['a', 'b']);
  });
});
