import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '@nest-resilience/core/testing';
import { LedgerOpening } from './ledger-opening.js';

const away = () => Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });

function openingOf(open: () => Promise<void>) {
  const clock = new FakeClock();
  const said: string[] = [];
  const opening = new LedgerOpening(clock, open, (message, error) => said.push(`${message}: ${String(error)}`));
  let isOpen = false;
  void opening.opened.then(() => (isOpen = true));
  return { clock, said, opening, isOpen: () => isOpen };
}

describe('the ledger of an application that starts', () => {
  it('is open when the start is over', async () => {
    const { clock, opening, isOpen } = openingOf(() => Promise.resolve());

    await opening.start();
    await clock.advance(0);

    expect([opening.failure, isOpen(), clock.pending]).toEqual([undefined, true, 0]);
  });

  it('that is away is looked for every 2 s until it is there, and one line says so', async () => {
    let left = 3;
    const { clock, said, opening, isOpen } = openingOf(() => (left-- > 0 ? Promise.reject(away()) : Promise.resolve()));

    await opening.start();
    expect(opening.failure).toMatchObject({ code: 'ECONNREFUSED' });
    await clock.advance('5s');
    expect(isOpen()).toBe(false);
    await clock.advance('1s');

    expect([opening.failure, isOpen(), clock.pending]).toEqual([undefined, true, 0]);
    expect(said).toEqual([expect.stringContaining('cannot be opened yet')]);
  });

  it('that hangs keeps nobody longer than 5 s, and is open when it answers at last', async () => {
    let answer!: () => void;
    const { clock, opening, isOpen } = openingOf(() => new Promise((resolve) => (answer = resolve)));
    const starting = opening.start();

    await clock.advance('5s');
    await starting;
    expect(String(opening.failure)).toContain('could not be opened within 5000 ms');
    answer();
    await clock.advance(0);

    expect([opening.failure, isOpen()]).toEqual([undefined, true]);
  });

  it('that no waiting mends ends the start', async () => {
    const { clock, opening } = openingOf(() => Promise.reject(new Error('The tables are at version 99')));

    await expect(opening.start()).rejects.toThrow('at version 99');

    expect(clock.pending).toBe(0);
  });

  it('is looked for no more after the end', async () => {
    const { clock, opening } = openingOf(() => Promise.reject(away()));
    await opening.start();

    opening.stop();

    expect(clock.pending).toBe(0);
  });
});
