import { afterEach, describe, expect, it, jest } from '@jest/globals';

import { FakeClock } from '../testing/fake-clock.js';
import { type Clock, systemClock } from './clock.js';
import { ShutdownWait } from './shutdown-wait.js';

const never = new Promise<never>(() => undefined);

describe('What a shutdown waits for', () => {
  afterEach(() => void jest.useRealTimers());

  it('has its time, to the millisecond of the clock', async () => {
    const clock = new FakeClock();
    const ended: boolean[] = [];
    void new ShutdownWait(clock).forWork(never, 10_000).then((done) => ended.push(done));

    await clock.advance(9_999);
    expect(ended).toEqual([]);
    await clock.advance(1);

    expect(ended).toEqual([false]);
    expect(clock.pending).toBe(0);
  });

  it('is over when it has ended, and leaves no timer', async () => {
    const clock = new FakeClock();

    expect(await new ShutdownWait(clock).forWork(Promise.resolve(), 10_000)).toBe(true);

    expect(clock.pending).toBe(0);
  });

  it('fails as it fails', async () => {
    const closing = new ShutdownWait(new FakeClock());

    await expect(closing.forLast(Promise.reject(new Error('disk')))).rejects.toThrow('disk');
  });

  it('shares its time with what is waited for after it, but not with last writes', async () => {
    const clock = new FakeClock();
    const closing = new ShutdownWait(clock);
    const ended: string[] = [];
    const first = closing.forWork(never, 10_000).then(() => ended.push('first'));
    await clock.advance(10_000);
    await first;

    void closing.forWork(never, 12_000).then(() => ended.push('second'));
    await clock.advance(1_999);
    expect(ended).toEqual(['first']);
    await clock.advance(1);
    expect(ended).toEqual(['first', 'second']);
    void closing.forLast(never).then(() => ended.push('last'));
    await clock.advance(4_999);
    expect(ended).toEqual(['first', 'second']);
    await clock.advance(1);

    expect(ended).toEqual(['first', 'second', 'last']);
  });

  it.each<[string, () => Clock]>([
    ['a clock that nobody moves', () => new FakeClock()],
    ['timers of a test that nobody moves', () => (jest.useFakeTimers(), systemClock)],
    [
      'timers that never fire, while the clock goes',
      () => (jest.useFakeTimers({ doNotFake: ['performance'] }), systemClock),
    ],
  ])('does not wait for ever for %s', async (_, clock) => {
    expect(await new ShutdownWait(clock()).forWork(never, 300)).toBe(false);
  });
});
