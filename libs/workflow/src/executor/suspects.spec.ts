import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '@nest-resilience/core/testing';
import type { LeaseNote } from '../ledger/executor-lease.js';
import { type Precedent, Suspects } from './suspects.js';

const suspect = (id: string, crashes = 1) => ({ id, workflow: 'w', crashes });

function court(ids: ReturnType<typeof suspect>[], precedent?: Precedent) {
  const clock = new FakeClock();
  const launched: string[] = [];
  const notes: LeaseNote[] = [];
  const log: string[] = [];
  let over = 0;
  const suspects = new Suspects({
    clock,
    launch: ({ id }) => void launched.push(id),
    note: (note) => (notes.push(note), Promise.resolve()),
    log: (message) => void log.push(message),
    report: () => undefined,
    over: () => void over++,
  });
  suspects.tryAll(ids, precedent);
  /** Lets promises have their turns. */
  const settle = () => clock.advance(0);
  return { suspects, clock, launched, notes, log, settle, over: () => over };
}

describe('suspects', () => {
  it('have their turns one after the other, each noted and named before, and then all others', async () => {
    const { suspects, launched, notes, log, settle, over } = court([suspect('a'), suspect('b')]);
    await settle();
    expect(launched).toEqual(['a']);
    expect(suspects.enter({ id: 'a' })).toBeUndefined();
    expect(over()).toBe(0);

    suspects.progressed({ id: 'a' });
    suspects.left();
    await settle();

    expect(launched).toEqual(['a', 'b']);
    expect(log[1]).toContain("Execution b of 'w' goes on by itself");
    suspects.ended('b');
    await settle();
    expect(notes).toEqual([
      { suspect: 'a', alone: true, unexplained: 0 },
      { suspect: 'b', alone: true, unexplained: 0 },
      { unexplained: 0 },
    ]);
    expect([over(), suspects.busy]).toEqual([1, false]);
  });

  it('start nothing more between their checkpoint and the end of all turns; nor does anybody else', async () => {
    const { suspects, settle } = court([suspect('a'), suspect('b')]);
    await settle();
    void suspects.enter({ id: 'a' });
    suspects.progressed({ id: 'a' });
    suspects.left();
    await settle();
    const entered: string[] = [];
    for (const run of [{ id: 'a' }, { id: 'new' }, { id: 'child', parentId: 'a' }])
      void suspects.enter(run)?.then(() => entered.push(run.id));
    await settle();
    expect(entered).toEqual([]);
    expect(suspects.enter({ id: 'child of b', parentId: 'b' })).toBeUndefined();

    suspects.ended('b');
    await settle();

    expect(entered.sort()).toEqual(['a', 'child', 'new']);
  });

  it('are not said to be alone beside one that takes longer than its turn', async () => {
    const { suspects, clock, launched, notes } = court([suspect('slow'), suspect('b')]);
    await clock.advance(0);
    void suspects.enter({ id: 'slow' });

    await clock.advance('2s');

    expect(launched).toEqual(['slow', 'b']);
    expect(notes[1]).toEqual({ suspect: 'b', alone: false, unexplained: 0 });
  });

  it('get longer turns after a crash that nobody could be blamed for, and the last one goes first, the ones that were alone last', async () => {
    const { clock, launched } = court([suspect('a'), suspect('b'), suspect('c', 2)], { suspect: 'b', unexplained: 1 });
    await clock.advance('7999ms');
    expect(launched).toEqual(['b']);

    await clock.advance('1ms');

    expect(launched).toEqual(['b', 'a']);
    await clock.advance('8s');
    expect(launched).toEqual(['b', 'a', 'c']);
  });

  it('are all at work after about 10 s, however many they are', async () => {
    const { clock, launched } = court(Array.from({ length: 50 }, (_, i) => suspect(`s${i}`)));

    await clock.advance('10s');

    expect(launched).toHaveLength(50);
  });

  it('that three crashes were put down to are not tried: they go to fail', async () => {
    const { launched, log, settle, over } = court([suspect('poison', 3)]);
    await settle();

    expect([launched, log, over()]).toEqual([['poison'], [], 1]);
  });

  it('are waited for by submissions', async () => {
    const { suspects, settle } = court([suspect('a')]);
    await settle();
    let submitted = false;
    const waiting = suspects.courtesy().then(() => (submitted = true));
    await settle();
    expect(submitted).toBe(false);

    suspects.ended('a');

    await waiting;
    await expect(suspects.courtesy()).resolves.toBeUndefined();
  });

  it('hold up nobody once the process goes', async () => {
    const { suspects, settle } = court([suspect('a')]);
    await settle();
    let entered = false;
    void suspects.enter({ id: 'b' })?.then(() => (entered = true));

    suspects.stop();
    await settle();

    expect(entered).toBe(true);
  });
});
