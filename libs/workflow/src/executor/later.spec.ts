import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '@nest-resilience/core/testing';
import { Later } from './later.js';

function laterOf(takeUp: (id: string) => Promise<void>, random = () => 1) {
  const clock = new FakeClock();
  const said: string[] = [];
  const report = (message: string): void => void said.push(message);
  return { clock, said, later: new Later(clock, takeUp, report, random) };
}

describe('what the ledger interrupted', () => {
  it('is taken up after growing delays, and begins with the first again once it ended', async () => {
    const tries: number[] = [];
    let left = 3;
    const { clock, later } = laterOf(async () => {
      tries.push(clock.now());
      if (--left > 0) throw new Error('down');
    });
    const begun = clock.now();

    later.schedule('x', new Error('down'));
    await clock.advance('7s');
    later.forget('x');
    later.schedule('x', new Error('down'));
    await clock.advance('1s');

    expect(tries.map((at) => at - begun)).toEqual([1_000, 3_000, 7_000, 8_000]);
  });

  it('does not come back in step: each after a half to the whole of the delay', async () => {
    const tries: number[] = [];
    const chances = [0, 0.25, 0.5, 1];
    const { clock, later } = laterOf(
      async () => void tries.push(clock.now()),
      () => chances.shift()!,
    );
    const begun = clock.now();

    for (const id of ['a', 'b', 'c', 'd']) later.schedule(id, new Error('down'));
    await clock.advance('1s');

    expect(tries.map((at) => at - begun)).toEqual([500, 625, 750, 1_000]);
  });

  it('is one line a minute, which says how many there were', async () => {
    const { clock, said, later } = laterOf(() => Promise.resolve());

    for (let index = 0; index < 100; index++) later.schedule(`${index}`, new Error('down'));
    await clock.advance('1m');
    later.schedule('next', new Error('down'));

    expect(said).toEqual([
      'Execution 0 is interrupted and will go on in 1000 ms',
      'Execution next is interrupted and will go on in 1000 ms; 99 times since the last line of this kind',
    ]);
  });

  it('stays where it is after the end, also when it was just being taken up', async () => {
    let fail!: (error: Error) => void;
    const { clock, later } = laterOf(() => new Promise((_, reject) => (fail = reject)));
    later.schedule('x', new Error('down'));
    await clock.advance('1s');

    later.stop();
    fail(new Error('the store is closed'));
    await clock.advance('1m');

    expect(clock.pending).toBe(0);
  });
});
