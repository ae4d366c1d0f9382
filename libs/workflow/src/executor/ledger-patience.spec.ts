import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '@nest-resilience/core/testing';
import { LedgerPatience } from './ledger-patience.js';

function patient() {
  const clock = new FakeClock();
  const reported: string[] = [];
  const patience = new LedgerPatience(clock, 2_000, (error) => reported.push(error.message));
  const ask = <T>(answer: Promise<T>) => patience.begin()(() => answer);
  return { clock, reported, patience, ask };
}

/** What a ledger answers when the test says so. */
function answer<T>() {
  let give!: (value: T) => void;
  let fail!: (error: Error) => void;
  const promise = new Promise<T>((resolve, reject) => ((give = resolve), (fail = reject)));
  return { promise, give, fail };
}

const outcomeOf = (promise: Promise<unknown>) =>
  promise.then(
    (value) => value,
    (error: { code?: string; message: string }) => error.code ?? error.message,
  );

describe('the wait of submissions for the ledger', () => {
  it('has one end, however many things are asked', async () => {
    const { clock, patience } = patient();
    const inTime = patience.begin();
    const first = answer<string>();
    const one = inTime(() => first.promise);
    await clock.advance(1_500);
    first.give('there');
    expect(await one).toBe('there');

    const two = outcomeOf(inTime(() => new Promise(() => undefined)));
    await clock.advance(500);

    expect(await two).toBe('RESILIENCE_STORE_UNAVAILABLE');
  });

  it('tells at once when its time is over', async () => {
    const { clock, reported, ask } = patient();
    const waiting = outcomeOf(ask(new Promise(() => undefined)));

    await clock.advance(2_000);

    expect(await waiting).toBe('RESILIENCE_STORE_UNAVAILABLE');
    expect(reported).toEqual(['the ledger has not answered within 2000 ms']);
  });

  it('is for one at a time while nobody gets an answer, and the others hear at once', async () => {
    const { clock, ask } = patient();
    const first = outcomeOf(ask(new Promise(() => undefined)));
    await clock.advance(2_000);
    await first;
    const next = answer<string>();
    const probing = outcomeOf(ask(next.promise));

    const refused = await Promise.all([outcomeOf(ask(Promise.resolve('a'))), outcomeOf(ask(Promise.resolve('b')))]);
    next.give('back');

    expect(refused).toEqual(['RESILIENCE_STORE_UNAVAILABLE', 'RESILIENCE_STORE_UNAVAILABLE']);
    expect(await probing).toBe('back');
    expect(await outcomeOf(ask(Promise.resolve('c')))).toBe('c');
    expect(clock.pending).toBe(0);
  });

  it('is not cut short for the others by one that waits for a lock', async () => {
    const { clock, ask } = patient();
    const locked = outcomeOf(ask(new Promise(() => undefined)));
    await clock.advance(1_000);
    await ask(Promise.resolve('other'));
    await clock.advance(1_000);
    await locked;

    const both = await Promise.all([outcomeOf(ask(Promise.resolve('a'))), outcomeOf(ask(Promise.resolve('b')))]);

    expect(both).toEqual(['a', 'b']);
  });

  it('takes a late answer for an answer, and an error that comes late for none', async () => {
    const { clock, ask } = patient();
    const [failing, late] = [answer<string>(), answer<string>()];
    const both = [outcomeOf(ask(failing.promise)), outcomeOf(ask(late.promise))];
    await clock.advance(2_000);
    await Promise.all(both);

    failing.fail(new Error('Query read timeout'));
    await Promise.resolve();
    const probing = outcomeOf(ask(new Promise(() => undefined)));
    expect(await outcomeOf(ask(Promise.resolve('too early')))).toBe('RESILIENCE_STORE_UNAVAILABLE');
    late.give('late');
    await clock.advance(0);

    expect(await outcomeOf(ask(Promise.resolve('c')))).toBe('c');
    await clock.advance(2_000);
    await probing;
  });

  it('hands on what the ledger says', async () => {
    const { ask } = patient();

    expect(await outcomeOf(ask(Promise.reject(new Error('disk full'))))).toBe('disk full');
  });
});
