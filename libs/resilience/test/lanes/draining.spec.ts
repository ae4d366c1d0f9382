import { describe, expect, it } from '@jest/globals';

import { fails, gives, type Lane, LaneBench, LANES } from './lane-bench.js';

const busy = (retryAfter?: string): Error =>
  Object.assign(new Error('busy'), {
    status: 429,
    headers: retryAfter === undefined ? {} : { 'retry-after': retryAfter },
  });
const drainOn = (error: unknown): boolean => (error as { status?: unknown }).status === 429;
const rateLimit = { limit: 10, interval: '10s', drainOn } as const;

describe.each<[string, Lane]>(LANES)('The rate limit of %s', (_name, lane) => {
  const tokensOf = (bench: LaneBench): number | undefined =>
    [...bench.registry.states.rateLimit.values()][0]?.snapshot().available;

  it('is drained by an error that says so: the next token is one that flows in', async () => {
    const bench = new LaneBench(lane, { rateLimit });

    await bench.play(fails(busy())).run();
    const refused = await bench.play(gives('ok')).run();
    await bench.clock.advance('1s');

    expect(refused).toMatchObject({ error: { code: 'RESILIENCE_RATE_LIMITED', retryAfterMs: 1_000 } });
    expect(await bench.run()).toMatchObject({ value: 'ok' });
    expect(bench.events.of('resilience.rate-limit.drained')).toMatchObject([
      { policy: 'Orders.charge', rateLimit: 'Orders.charge', forMs: 0 },
    ]);
  });

  it('gives none before the time that the server asked for, at most a minute', async () => {
    const asked = new LaneBench(lane, { rateLimit });
    const hours = new LaneBench(lane, { rateLimit });

    await asked.play(fails(busy('7'))).run();
    await hours.play(fails(busy('7200'))).run();

    expect(await asked.run()).toMatchObject({ error: { code: 'RESILIENCE_RATE_LIMITED', retryAfterMs: 7_000 } });
    expect(await hours.run()).toMatchObject({ error: { retryAfterMs: 60_000 } });
  });

  it('is left alone by other errors, and by successes', async () => {
    const bench = new LaneBench(lane, { rateLimit });

    await bench.play(fails(new Error('down'))).run();
    await bench.play(gives('ok')).run();

    expect(tokensOf(bench)).toBe(8);
  });

  it('ends a call whose predicate answers with a promise with a word about that', async () => {
    const bench = new LaneBench(lane, { rateLimit: { ...rateLimit, drainOn: () => Promise.resolve(true) as never } });

    expect(await bench.play(fails(busy())).run()).toMatchObject({ error: { code: 'RESILIENCE_OPTIONS' } });
    expect(bench.leftovers).toEqual({ calls: 0, timers: 0 });
  });
});

describe('The rate limits of a process', () => {
  it('can be drained by hand, keys and all', async () => {
    const bench = new LaneBench(LANES[0]![1], { rateLimit: { limit: 2, interval: '2s', key: (key: string) => key } });
    await bench.run('a');

    for (const reading of bench.registry.states.rateLimit.values()) reading.drain(5_000);

    expect(await bench.run('a')).toMatchObject({ error: { retryAfterMs: 5_000 } });
    expect(await bench.run('new')).toMatchObject({ value: 'ok' });
  });
});
