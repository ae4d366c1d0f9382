import { hostname } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '@nest-resilience/core/testing';
import type { ExecutorLease, LeaseHolder } from '../ledger/executor-lease.js';
import { Lease } from './lease.js';
import { hasEnded, thisProcess } from './process-life.js';

/** A ledger's lease by a clock of its own. */
class Row implements ExecutorLease {
  row: { holder: LeaseHolder; since: number; endsAt: number; beat: number } | undefined;
  answers = true;

  constructor(readonly clock: FakeClock) {}

  async take(me: LeaseHolder, leaseMs: number, over?: { holder: LeaseHolder; beat: number }) {
    const now = this.clock.epochNow();
    const { row } = this;
    const isOver = row?.beat === over?.beat && row?.holder.owner === over?.holder.owner;
    if (row && row.holder.owner !== me.owner && !isOver)
      return { held: false as const, holder: row.holder, since: row.since, leftMs: row.endsAt - now, beat: row.beat };
    this.row = { holder: me, since: now, endsAt: now + leaseMs, beat: (row?.beat ?? 0) + 1 };
    return { held: true as const, afterCrash: row !== undefined, unexplained: 0 };
  }

  async renew(owner: string, leaseMs: number) {
    if (!this.answers) throw new Error('the database is away');
    if (this.row?.holder.owner !== owner) return false;
    this.row = { ...this.row, endsAt: this.clock.epochNow() + leaseMs, beat: this.row.beat + 1 };
    return true;
  }

  note = () => Promise.resolve();

  async release(owner: string) {
    if (this.row?.holder.owner === owner) this.row = undefined;
  }
}

function process(ledger: Row, owner: string, clock = ledger.clock) {
  const events: string[] = [];
  const lease = new Lease({
    ...{ ledger, clock, me: { owner, host: 'somewhere', pid: 7 } },
    taken: ({ afterCrash }) => void events.push(afterCrash ? 'taken after a crash' : 'taken'),
    lost: () => void events.push('lost'),
    renewed: () => undefined,
    log: () => undefined,
    report: (message) => void events.push(message),
  });
  return { lease, events };
}

describe('the lease of a ledger', () => {
  it('is kept by renewing it, and refused to others with who has it', async () => {
    const ledger = new Row(new FakeClock());
    const [first, second] = [process(ledger, 'first'), process(ledger, 'second')];
    await first.lease.open();
    await second.lease.open();

    await ledger.clock.advance('60s');

    expect([first.events, second.events]).toEqual([['taken'], []]);
    await expect(second.lease.require()).rejects.toMatchObject({
      ...{ code: 'RESILIENCE_EXECUTOR_ELSEWHERE', message: expect.stringContaining('process 7 on somewhere since 20') },
      ...{ holder: { owner: 'first' }, retryAfterMs: expect.any(Number) },
    });
    await expect(first.lease.require()).resolves.toBeUndefined();
  });

  it("is the next one's within 2 s when it is given back", async () => {
    const ledger = new Row(new FakeClock());
    const [first, second] = [process(ledger, 'first'), process(ledger, 'second')];
    await first.lease.open();
    await second.lease.open();

    await first.lease.close();
    await ledger.clock.advance('2s');

    expect(second.events).toEqual(['taken']);
    await second.lease.close();
    expect(ledger.clock.pending).toBe(0);
  });

  it("is the next one's within 16 s when nobody renews it, and the one that comes back knows before it goes on", async () => {
    const ledger = new Row(new FakeClock());
    const sleeping = new FakeClock();
    sleeping.setTimer = () => ({ cancel: () => undefined, ref: () => undefined, unref: () => undefined });
    const [sleeper, second] = [process(ledger, 'sleeper', sleeping), process(ledger, 'second')];
    await sleeper.lease.open();
    await second.lease.open();

    await ledger.clock.advance('16s');
    await sleeping.advance('16s');

    expect(second.events).toEqual(['taken after a crash']);
    expect(await sleeper.lease.certain()).toBe(false);
    expect(sleeper.events).toEqual(['taken', 'lost']);
  });

  it.each([86_400_000, -86_400_000])('stays with whoever renews it when the clock is put by %d ms', async (ms) => {
    const ledger = new Row(new FakeClock());
    const [first, second] = [process(ledger, 'first'), process(ledger, 'second')];
    await first.lease.open();
    await second.lease.open();
    const epochNow = ledger.clock.epochNow.bind(ledger.clock);

    ledger.clock.epochNow = () => epochNow() + ms;
    await ledger.clock.advance('60s');

    expect([first.events, second.events]).toEqual([['taken'], []]);
    expect(await first.lease.certain()).toBe(true);
  });

  it('outlasts a database that is away for a while, as long as nobody else takes it', async () => {
    const ledger = new Row(new FakeClock());
    const { lease, events } = process(ledger, 'only');
    await lease.open();
    ledger.answers = false;
    await ledger.clock.advance('60s');
    await expect(lease.certain()).rejects.toThrow('the database is away');

    ledger.answers = true;

    expect(await lease.certain()).toBe(true);
    expect(events).toEqual(['taken', expect.stringContaining('cannot be renewed')]);
  });
});

describe('a process', () => {
  it('knows itself to be alive, and says nothing of other machines and containers', () => {
    const me = thisProcess('me');

    expect(me.host).toBe(hostname());
    expect(hasEnded(me)).toBe(false);
    expect(hasEnded({ ...me, host: 'elsewhere', pid: 4_000_000 })).toBe(false);
    expect(hasEnded({ owner: 'x', host: me.host, pid: 4_000_000 })).toBe(false);
    expect(hasEnded({ ...me, life: `other boot ${me.life ?? ''}`, pid: 4_000_000 })).toBe(false);
    // Only Linux gives it a life.
    expect(hasEnded({ ...me, pid: 4_000_000 })).toBe(me.life !== undefined);
    expect(hasEnded({ ...me, life: me.life?.replace(/\d+$/, '1') ?? '' })).toBe(me.life !== undefined);
  });
});
