import { describe, expect, it } from '@jest/globals';

import { fails, gives, hangs, type Lane, LaneBench, WAITING_LANES } from './lane-bench.js';

const bulkhead = { maxConcurrent: 10, maxQueue: 1_000, adaptive: { min: 2, max: 40 } } as const;

describe.each<[string, Lane]>(WAITING_LANES)('An adaptive bulkhead of %s', (_name, lane) => {
  const limitOf = (bench: LaneBench): number | undefined =>
    [...bench.registry.states.bulkhead.values()][0]?.snapshot().maxConcurrent;

  async function burst(bench: LaneBench, calls: number): Promise<void> {
    const ended = Promise.all(Array.from({ length: calls }, () => bench.start()));
    let over = false;
    void ended.finally(() => (over = true));
    while (!over) await bench.clock.advance(10);
  }

  it('lets more run while they take as long as usual, and fewer when they time out', async () => {
    const bench = new LaneBench(lane, { bulkhead, timeout: '1s' });
    expect(limitOf(bench)).toBe(10);

    await burst(bench.play(gives('ok', 20)), 200);
    const grown = limitOf(bench)!;
    await burst(bench.play(hangs), 100);

    expect(grown).toBeGreaterThan(10);
    expect(limitOf(bench)).toBeLessThan(grown);
    expect(bench.leftovers).toMatchObject({ calls: 0, running: 0, queued: 0 });
  });

  it('learns nothing from what fails at once', async () => {
    const bench = new LaneBench(lane, { bulkhead });

    await burst(bench.play(fails(new Error('down'))), 200);

    expect(limitOf(bench)).toBe(10);
  });
});

describe('The options of an adaptive bulkhead', () => {
  const lane = WAITING_LANES[0]![1];

  it.each([
    [{ min: 5, max: 4 }, /adaptive > min: got 5, expected a whole number from 1 to max, which is 4/],
    [{ min: 5 }, /adaptive > max: .*how many may run at once at most/],
    [{ max: 1.5 }, /adaptive > max: got 1.5, expected a whole number >= 1/],
    [true, /adaptive: got true/],
  ])('cannot be %j', (adaptive, said) => {
    expect(() => new LaneBench(lane, { bulkhead: { adaptive: adaptive as never } })).toThrow(said);
  });
});
