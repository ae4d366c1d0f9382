import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '@nest-resilience/core/testing';
import { Later } from './later.js';

function laterOf(takeUp: (id: string) => Promise<void>) {
  const clock = new FakeClock();
  const said: string[] = [];
  return { clock, said, later: new Later(clock, takeUp, (message) => said.push(message)) };
}

describe('what the ledger interrupted', () => {
  it('is taken up after growing delays, and begins with the first again once it ended', async () => {
    let left = 2;
    const { clock, said, later } = laterOf(() => (left-- > 0 ? Promise.reject(new Error('down')) : Promise.resolve()));

    later.schedule('x', new Error('down'));
    await clock.advance('7s');
    later.forget('x');
    later.schedule('x', new Error('down'));

    expect(said.map((line) => /in (\d+) ms/.exec(line)?.[1])).toEqual(['1000', '2000', '4000', '1000']);
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
