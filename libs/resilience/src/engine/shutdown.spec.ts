import { describe, expect, it, jest } from '@jest/globals';

import { settle } from '../testing/settle.js';
import { Shutdown } from './shutdown.js';

describe('A shutdown', () => {
  it('tells those who listen once, and not those who have stopped listening', () => {
    const shutdown = new Shutdown();
    const [told, gone] = [jest.fn(), jest.fn()];
    shutdown.onStop(told);
    shutdown.onStop(gone)();
    expect(shutdown.stopping).toBe(false);

    shutdown.begin();
    shutdown.begin();

    expect(shutdown.stopping).toBe(true);
    expect([told.mock.calls.length, gone.mock.calls.length]).toEqual([1, 0]);
  });

  it('tells them all, also where one stops listening when it is told', () => {
    const shutdown = new Shutdown();
    const told: string[] = [];
    const forget = shutdown.onStop(() => {
      told.push('first');
      forget();
    });
    shutdown.onStop(() => told.push('second'));

    shutdown.begin();

    expect(told).toEqual(['first', 'second']);
  });

  it('tells who is still running when it waits no longer, and at once who comes after that', () => {
    const shutdown = new Shutdown();
    const [told, gone, late] = [jest.fn(), jest.fn(), jest.fn()];
    shutdown.onExpired(told);
    shutdown.onExpired(gone)();

    shutdown.expire();
    shutdown.expire();
    shutdown.onExpired(late);

    expect([told, gone, late].map(({ mock }) => mock.calls.length)).toEqual([1, 0, 1]);
  });

  it('is idle when as many have left as have entered', async () => {
    const shutdown = new Shutdown();
    const idle: string[] = [];
    const wait = (name: string): void => void shutdown.whenIdle().then(() => idle.push(name));
    shutdown.enter();
    shutdown.enter();
    wait('first');
    wait('second');

    shutdown.leave();
    await settle();
    expect([shutdown.running, idle]).toEqual([1, []]);
    shutdown.leave();
    await settle();
    expect([shutdown.running, idle]).toEqual([0, ['first', 'second']]);
    wait('third');
    await settle();
    expect(idle).toEqual(['first', 'second', 'third']);
  });
});
