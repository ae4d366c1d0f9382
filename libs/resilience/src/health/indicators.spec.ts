import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '../testing/fake-clock.js';
import { DEFAULT_DEAD_LETTER_HEALTH_OPTIONS, DeadLetterHealthIndicator } from './dead-letter.health.js';
import { DEFAULT_EVENT_LOOP_HEALTH_OPTIONS, EventLoopHealthIndicator } from './event-loop.health.js';
import { DEFAULT_HEALTH_MODULE_OPTIONS } from './health.options.js';
import { HealthModule } from './health.module.js';

describe('DeadLetterHealthIndicator', () => {
  const clock = new FakeClock();
  const count = (status: 'pending' | 'poisoned', howMany: number, ageMs: number) => ({
    queue: 'default',
    status,
    count: howMany,
    oldestAt: clock.epochNow() - ageMs,
  });
  const indicator = (...counts: ReturnType<typeof count>[]) =>
    new DeadLetterHealthIndicator({ count: async () => counts }, clock);

  it('is up while few wait', async () => {
    expect(DEFAULT_DEAD_LETTER_HEALTH_OPTIONS).toEqual({ maxWaiting: 100, maxAge: 86_400_000 });
    expect(await indicator().check()).toEqual({ status: 'up', details: { waiting: 0, poisoned: 0, oldestAgeMs: 0 } });
    expect(await indicator(count('pending', 98, 10), count('poisoned', 2, 60_000)).check()).toEqual({
      status: 'up',
      details: { waiting: 100, poisoned: 2, oldestAgeMs: 60_000 },
    });
  });

  it('degrades when many wait, or one for long', async () => {
    const outcome = await indicator(count('pending', 11, 7_200_000)).check({ maxWaiting: 10, maxAge: '1h' });

    expect(outcome).toMatchObject({
      status: 'degraded',
      reason: '11 dead letters wait, more than 10; the oldest has waited for 120 min',
    });
  });
});

describe('EventLoopHealthIndicator', () => {
  it('is up on an idle loop, and down when somebody blocks it', async () => {
    expect(DEFAULT_EVENT_LOOP_HEALTH_OPTIONS).toEqual({ degradedAbove: 200, downAbove: 2000 });
    const indicator = new EventLoopHealthIndicator();
    expect(indicator.check()).toEqual({ status: 'up', details: { p99Ms: 0, maxMs: 0 } });
    // The monitor sees nothing before its first own tick, so a turn of its interval must pass before the loop is blocked.
    const turn = () => new Promise((resolve) => setTimeout(resolve, 40));

    await turn();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 120);
    await turn();
    const outcome = indicator.check({ degradedAbove: 1, downAbove: 50 });
    indicator.onModuleDestroy();

    expect(outcome).toMatchObject({
      status: 'down',
      reason: expect.stringMatching(/^the event loop is \d+ ms late, more than 50$/),
    });
  });
});

describe('HealthModule', () => {
  it('pins its defaults and reports all bad options', () => {
    expect(DEFAULT_HEALTH_MODULE_OPTIONS).toEqual({
      path: 'health',
      isGlobal: true,
      circuits: true,
      deadLetters: false,
      eventLoop: true,
      chaos: true,
      store: false,
      shutdownDelay: 0,
    });
    expect(() => HealthModule.forRoot({ path: '', shutdownDelay: 'soon' })).toThrow(/2 options are not usable/);
    expect(() => HealthModule.forRoot({ eventLoop: { degradedAbove: 'x' } })).toThrow(
      /HealthModule > eventLoop > degradedAbove/,
    );
  });
});
