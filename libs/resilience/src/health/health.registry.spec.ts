import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { FakeClock } from '../testing/fake-clock.js';
import { seededRandom } from '../testing/seeded-random.js';
import { DEFAULT_HEALTH_CHECK_OPTIONS, type HealthCheckContext } from './health-check.options.js';
import { degraded, down, up } from './health-outcome.js';
import { HealthRegistry } from './health.registry.js';

describe('HealthRegistry', () => {
  let clock: FakeClock;
  let scheduler: SchedulerRegistry;
  let registry: HealthRegistry;
  let emitted: { name: string; payload: object }[];
  let listening: boolean;

  beforeEach(() => {
    Logger.overrideLogger(false);
    clock = new FakeClock();
    scheduler = new SchedulerRegistry();
    emitted = [];
    listening = true;
    const events = {
      listens: () => listening,
      emit: (name: string, payload: object) => void emitted.push({ name, payload }),
    };
    registry = new HealthRegistry(clock, events, scheduler, seededRandom());
  });

  afterEach(() => {
    registry.onModuleDestroy();
    expect(clock.pending).toBe(0);
    expect(scheduler.getIntervals()).toEqual([]);
  });

  const start = async () => {
    registry.onApplicationBootstrap();
    await clock.advance(0);
  };
  const only = () => registry.summary().checks[0]!;

  it('pins the defaults', () => {
    expect(DEFAULT_HEALTH_CHECK_OPTIONS).toEqual({ critical: true, interval: 30_000, timeout: 10_000 });
  });

  it('runs a check at the start, then about every interval, in the SchedulerRegistry', async () => {
    const ran: number[] = [];
    registry.register('database', () => void ran.push(clock.now()));
    await start();

    await clock.advance('10m');

    expect(scheduler.getIntervals()).toEqual(['resilience.health.database']);
    const pauses = ran.slice(1).map((at, i) => at - ran[i]!);
    expect(ran[0]).toBe(0);
    expect(ran.length).toBeGreaterThanOrEqual(18);
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(27_000);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(33_000);
    expect(new Set(pauses).size).toBeGreaterThan(10);
  });

  it('runs at once what is registered after the start, and nothing that was unregistered', async () => {
    const check = jest.fn();
    await start();

    registry.register('late', check);
    expect(check).toHaveBeenCalledTimes(1);
    expect(registry.unregister('late')).toBe(true);
    expect(registry.unregister('late')).toBe(false);
    await clock.advance('5m');

    expect(check).toHaveBeenCalledTimes(1);
    expect(registry.summary().checks).toEqual([]);
  });

  it('stops a check that was deleted from the SchedulerRegistry', async () => {
    const check = jest.fn();
    registry.register('database', check);
    await start();

    scheduler.deleteInterval('resilience.health.database');
    await clock.advance('1m');

    expect(check).toHaveBeenCalledTimes(1);
  });

  it('reads the last result without running anything', async () => {
    const check = jest.fn(() => up({ connections: 3 }));
    registry.register('database', check);
    expect(only()).toEqual({
      name: 'database',
      critical: true,
      status: 'pending',
      reason: 'has not run yet',
      stale: false,
      passedOnce: false,
    });
    await start();
    await clock.advance('4s');

    for (let i = 0; i < 1000; i++) registry.summary();

    expect(check).toHaveBeenCalledTimes(1);
    expect(only()).toEqual({
      name: 'database',
      critical: true,
      status: 'up',
      details: { connections: 3 },
      checkedAt: clock.epochNow() - 4000,
      ageMs: 4000,
      durationMs: 0,
      stale: false,
      passedOnce: true,
    });
  });

  it.each([
    ['nothing', undefined, { status: 'up' }],
    ['degraded', degraded('slow', { ms: 12 }), { status: 'degraded', reason: 'slow', details: { ms: 12 } }],
    ['down', down('gone'), { status: 'down', reason: 'gone' }],
    ['a Terminus result', { api: { status: 'up', responseTime: 3 } }, { status: 'up', details: { responseTime: 3 } }],
    [
      'a bad Terminus result',
      { a: { status: 'up' }, b: { status: 'down', message: 'refused' } },
      { status: 'down', reason: 'refused' },
    ],
    [
      'an unknown status',
      { status: 'fine' },
      { status: 'down', reason: /the check resolved with an object with keys \[status\], expected nothing/ },
    ],
    ['a boolean', false, { status: 'down', reason: /the check resolved with false/ }],
    ['an empty object', {}, { status: 'down', reason: /the check resolved with an object/ }],
  ])('understands a check that resolves with %s', async (_, answer, expected) => {
    registry.register('it', async () => answer);

    await start();

    const { reason, ...rest } = expected as { reason?: string | RegExp };
    expect(only()).toMatchObject(rest);
    if (reason instanceof RegExp) expect(only().reason).toMatch(reason);
    else expect(only().reason).toBe(reason);
  });

  it('takes an error as down, without the credentials in its message', async () => {
    registry.register('sync', () => {
      throw new Error('connect postgres://app:s3cret@db:5432/app failed');
    });
    registry.register('async', () => Promise.reject(new Error('refused')));

    await start();

    expect(registry.summary().reasons).toEqual([
      'sync: connect postgres://app:[redacted]@db:5432/app failed',
      'async: refused',
    ]);
  });

  it('gives up on a run after its timeout, aborts it, and never runs two at a time', async () => {
    let running = 0;
    let most = 0;
    let hangs = true;
    let finish: (() => void) | undefined;
    let signal: AbortSignal | undefined;
    registry.register('slow', async (context: HealthCheckContext) => {
      signal = context.signal;
      most = Math.max(most, ++running);
      if (hangs) await new Promise<void>((resolve) => (finish = resolve));
      running--;
    });
    await start();

    await clock.advance('10s');
    expect(only()).toMatchObject({ status: 'down', reason: 'no answer within 10000 ms', durationMs: 10_000 });
    expect(signal?.aborted).toBe(true);
    await clock.advance('40s');
    expect(only()).toMatchObject({
      status: 'down',
      reason: expect.stringMatching(/^the run that began \d+ s ago has not ended$/),
    });
    hangs = false;
    finish?.();
    await clock.advance('40s');

    expect(only()).toMatchObject({ status: 'up' });
    expect(most).toBe(1);
  });

  it('starts anew when a run did not end for three intervals', async () => {
    const check = jest.fn(() => new Promise<void>(() => undefined));
    registry.register('lost', check);
    await start();

    await clock.advance('3m');

    expect(check).toHaveBeenCalledTimes(2);
  });

  it('joins a run that is on its way', async () => {
    let finish: (() => void) | undefined;
    const check = jest.fn(() => new Promise<void>((resolve) => (finish = resolve)));
    registry.register('database', check);
    await start();

    const both = Promise.all([registry.run('database'), registry.run('database')]);
    finish?.();
    await both;

    expect(check).toHaveBeenCalledTimes(1);
    await expect(registry.run('databse')).rejects.toThrow(
      "There is no health check 'databse' (did you mean 'database'?)",
    );
  });

  it('counts a result older than three intervals as down', async () => {
    registry.register('database', () => undefined);
    await start();
    scheduler.deleteInterval('resilience.health.database');

    await clock.advance('90s');
    expect(only()).toMatchObject({ status: 'up', stale: false });
    await clock.advance(1000);

    expect(only()).toMatchObject({ status: 'down', stale: true, reason: 'no result for 91 s' });
    expect(registry.summary().status).toBe('error');
  });

  it('degrades for a check that is not critical, and is in error for a critical one', async () => {
    let critical = up();
    registry.register('search', () => down('no index'), { critical: false });
    registry.register('database', () => critical);
    await start();
    expect(registry.summary()).toMatchObject({ status: 'degraded', reasons: ['search: no index'] });

    critical = down('gone');
    await registry.run('database');

    expect(registry.summary()).toMatchObject({ status: 'error', reasons: ['search: no index', 'database: gone'] });
  });

  it('keeps the last 100 runs', async () => {
    registry.register('a', () => undefined, { interval: '1s' });
    registry.register('b', () => down('no'), { interval: '1s' });
    await start();

    await clock.advance('5m');

    expect(registry.reports()).toHaveLength(100);
    expect(registry.reports('b').length).toBeGreaterThan(40);
    expect(registry.reports('b').at(-1)).toMatchObject({ check: 'b', status: 'down', reason: 'no', durationMs: 0 });
  });

  it('tells listeners when the whole changes, and only then', async () => {
    let outcome = up();
    registry.register('database', () => outcome);
    await start();
    await clock.advance('1m');
    expect(emitted).toEqual([]);

    outcome = down('gone');
    await registry.run('database');
    const at = clock.epochNow();
    await clock.advance('1m');
    outcome = up();
    await registry.run('database');

    expect(emitted).toEqual([
      {
        name: 'resilience.health.changed',
        payload: { status: 'error', previous: 'ok', reasons: ['database: gone'], at },
      },
      {
        name: 'resilience.health.changed',
        payload: { status: 'ok', previous: 'error', reasons: [], at: clock.epochNow() },
      },
    ]);
  });

  it('builds no event when nobody listens', async () => {
    listening = false;
    registry.register('database', () => down('gone'));

    await start();

    expect(emitted).toEqual([]);
  });

  it('aborts what runs when the application goes', async () => {
    let signal: AbortSignal | undefined;
    registry.register('slow', (context: HealthCheckContext) => {
      signal = context.signal;
      return new Promise(() => undefined);
    });
    await start();

    registry.onModuleDestroy();
    await clock.advance('5m');

    expect(signal?.aborted).toBe(true);
    expect(registry.reports()).toEqual([]);
  });

  it('refuses a name that is taken and options that cannot work, all at once', () => {
    registry.register('database', () => undefined);

    expect(() => registry.register('database', () => undefined)).toThrow(/registered already: choose another name/);
    expect(() =>
      registry.register('x', () => undefined, { interval: 'often', timeout: -1, critcal: true } as never),
    ).toThrow(/3 options are not usable/);
  });
});
