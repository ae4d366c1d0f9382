import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { DEFAULT_FAKE_CLOCK_OPTIONS, FakeClock } from './fake-clock.js';

describe('FakeClock', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  it('starts at 0 and at the first moment of 2026', () => {
    const clock = new FakeClock();

    expect(DEFAULT_FAKE_CLOCK_OPTIONS).toEqual({ epoch: Date.UTC(2026, 0, 1) });
    expect(clock.now()).toBe(0);
    expect(new Date(clock.epochNow()).toISOString()).toBe('2026-01-01T00:00:00.000Z');
  });

  it('runs what falls due in order of time, then of insertion, each at its own moment', async () => {
    const clock = new FakeClock();
    const ran: string[] = [];
    const note = (name: string) => () => ran.push(`${name}@${clock.now()}`);
    clock.setTimer(note('late'), 300);
    clock.setTimer(note('first'), 100);
    clock.setTimer(note('second'), 100);
    clock.setTimer(note('beyond'), 301);

    await clock.advance('300ms');

    expect(ran).toEqual(['first@100', 'second@100', 'late@300']);
    expect(clock.now()).toBe(300);
    expect(clock.epochNow()).toBe(DEFAULT_FAKE_CLOCK_OPTIONS.epoch + 300);
    expect(clock.pending).toBe(1);
  });

  it('lets promises settle before, between and after the timers', async () => {
    const clock = new FakeClock();
    const sleep = (ms: number) => new Promise<void>((resolve) => clock.setTimer(resolve, ms));
    const ran: number[] = [];
    const work = async () => {
      for (let hop = 0; hop < 50; hop++) await Promise.resolve();
      for (let i = 0; i < 3; i++) {
        await sleep(10);
        ran.push(clock.now());
      }
    };
    const done = work();

    await clock.advance(30);

    expect(ran).toEqual([10, 20, 30]);
    await done;
  });

  it('forgets a cancelled timer', async () => {
    const clock = new FakeClock();
    const callback = jest.fn();
    const timer = clock.setTimer(callback, 10);
    timer.unref();
    timer.ref();

    timer.cancel();
    timer.cancel();
    await clock.advance(20);

    expect(callback).not.toHaveBeenCalled();
    expect(clock.pending).toBe(0);
  });

  it('treats a negative delay as none and never fires an endless one', async () => {
    const clock = new FakeClock();
    const soon = jest.fn();
    const never = jest.fn();
    clock.setTimer(never, Infinity);
    clock.setTimer(soon, -5);

    await clock.advance('365d');

    expect(soon).toHaveBeenCalledTimes(1);
    expect(never).not.toHaveBeenCalled();
  });

  it('adds up two advances that run at once', async () => {
    const clock = new FakeClock();

    await Promise.all([clock.advance(10), clock.advance('1s')]);

    expect(clock.now()).toBe(1010);
  });

  it('rejects with what a callback threw, and can go on', async () => {
    const clock = new FakeClock();
    clock.setTimer(() => {
      throw new Error('boom');
    }, 5);

    await expect(clock.advance(10)).rejects.toThrow('boom');
    await clock.advance(10);

    expect(clock.now()).toBe(15);
  });

  it.each([-1, NaN, Infinity, 'soon'])('refuses to advance by %p', (duration) => {
    expect(() => new FakeClock().advance(duration)).toThrow(/FakeClock.advance: got .* expected a duration >= 0/);
  });

  it('moves on under the fake timers of jest', async () => {
    jest.useFakeTimers();
    const clock = new FakeClock();
    const callback = jest.fn();
    clock.setTimer(callback, 10);

    await clock.advance(10);

    expect(callback).toHaveBeenCalledTimes(1);
  });
});
