import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '@nest-resilience/core/testing';
import { leaseOf, type Work } from '../ledger/execution-store.js';
import { MemoryExecutionStore } from '../ledger/memory.store.js';
import { executionRecord } from '../testing/execution-store.contract.js';
import { OfferedQueue } from './offered-queue.js';
import { Presence } from './presence.js';
import { Replica } from './replica.js';
import type { WorkDispatch } from './seams.js';

const LEASE_MS = 10_000;

/** A replica, with one execution in hand. */
async function working() {
  const clock = new FakeClock();
  const store = new MemoryExecutionStore({ clock });
  const offered: Work[] = [];
  const dispatch: WorkDispatch = {
    start: () => Promise.resolve(),
    offer: (work) => void offered.push(...work),
    pause: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  const queue = new OfferedQueue(dispatch, 10, () => 0);
  const me = () => ({ id: 'me', startedAt: 1, versions: [], running: 1, capacity: 1 });
  const replica = new Replica({
    cluster: { replicaId: 'me', leaseMs: LEASE_MS, sweepMs: 3_000, dispatch, bus: { publish() {}, subscribe() {} } },
    ...{ shared: store.shared, clock, concurrency: 1, random: () => 0.5, queue: () => queue },
    presence: new Presence({ shared: store.shared, clock, me, goneMs: LEASE_MS }),
    work: () => Promise.resolve('left'),
    lost: () => undefined,
    report: () => undefined,
  });
  await replica.begin(true);
  const { owner: _, startedAt: __, ...record } = executionRecord({ status: 'queued' });
  await store.create(record);
  const claim = (owner: string) =>
    store.claim(record.id, {
      ...{ owner, from: ['queued', 'running'], startedAt: 1, version: record.version, leaseMs: LEASE_MS },
    });
  const lease = leaseOf((await claim('me'))!);
  replica.leases.hold(lease, clock.now());
  return { replica, clock, store, offered, claim, lease };
}

describe('a replica', () => {
  it('keeps what it has in hand, however long that takes', async () => {
    const { clock, claim } = await working();

    await clock.advance('1m');

    expect(await claim('other')).toBeUndefined();
  });

  it('keeps it while it goes, for as long as it lets that come to an end', async () => {
    const { replica, clock, claim } = await working();

    replica.pause();
    await clock.advance('1m');

    expect(await claim('other')).toBeUndefined();
  });

  it('hands over what it leaves, blames it for nothing, and is still from then on', async () => {
    const { replica, clock, store, offered, claim, lease } = await working();
    replica.pause();
    replica.interrupted(replica.leases.drop(lease.id)!);

    await replica.leave();

    expect(offered.map(({ id }) => id)).toEqual([lease.id]);
    expect(await store.find(lease.id)).toMatchObject({ status: 'queued' });
    expect(clock.pending).toBe(0);
    expect(await claim('other')).toMatchObject({ owner: 'other', fence: 2 });
    expect((await store.find(lease.id))?.crashes).toBeUndefined();
  });

  it('loses what it does not renew any more', async () => {
    const { replica, clock, claim, lease } = await working();
    replica.leases.drop(lease.id);

    await clock.advance('10s');

    expect(await claim('other')).toMatchObject({ owner: 'other', crashes: 1 });
  });
});
