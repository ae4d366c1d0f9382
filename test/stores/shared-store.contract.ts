import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { DeadLetterStore } from '@nest-resilience/core';
import { deadLetterRecord } from '@nest-resilience/core/testing';
import type { BudgetStore } from '@nest-resilience/store-sql';
import type { ExecutionStore } from '@nest-resilience/workflow';
import { executionRecord, nodeRecord } from '@nest-resilience/workflow/testing';

export interface SharedStoreUnderTest {
  /** Drops every table. */
  empty(): Promise<void>;
  /** A store with connections of its own. */
  open(replica: number): DeadLetterStore;
  executions(replica: number): ExecutionStore;
  budgets(replica: number): BudgetStore;
  closeAll(): Promise<void>;
  /** What `resilience_migrations` holds. */
  migrations(): Promise<readonly { readonly component: string; readonly version: number }[]>;
}

const REPLICAS = [0, 1, 2, 3, 4, 5, 6, 7];
const FROM = ['pending'] as const;

/** What only a database that several replicas use can show. */
export function describeSharedStore(name: string, subject: SharedStoreUnderTest): void {
  describe(`${name} among replicas with connections of their own`, () => {
    let ledgers: ExecutionStore[] = [];

    beforeEach(() => subject.empty());
    afterEach(async () => {
      await subject.closeAll();
      for (const ledger of ledgers) await ledger.close?.();
      ledgers = [];
    });

    const openLedger = (replica: number): ExecutionStore => {
      const ledger = subject.executions(replica);
      ledgers.push(ledger);
      return ledger;
    };

    it('makes its tables once when eight start at once on an empty database', async () => {
      const all = REPLICAS.flatMap((replica) => [subject.open(replica), openLedger(replica)]);

      await Promise.all(all.map(async (store) => store.init?.()));

      const migrations = await subject.migrations();
      const versions = migrations.map(({ component, version }) => `${component} ${version}`);
      expect(versions).toEqual([...new Set(versions)]);
      expect(versions).toEqual(expect.arrayContaining(['dead-letter 1', 'executions 1', 'executions 2']));
      await subject.open(0).add(deadLetterRecord());
      expect(await subject.open(7).count()).toMatchObject([{ count: 1 }]);
    });

    it('counts what all of them spend of one budget at once', async () => {
      const stores = REPLICAS.map((replica) => subject.budgets(replica));

      const sums = await Promise.all(
        stores.flatMap((store) => Array.from({ length: 10 }, () => store.add('day 1', 0.5, 60_000))),
      );

      expect(Math.max(...sums)).toBe(40);
      expect(new Set(sums).size).toBe(80);
      expect(await stores[0]!.add('day 2', 1.25, 60_000)).toBe(1.25);
      expect(await stores[7]!.add('day 1', -39, 60_000)).toBe(1);
      await Promise.all(stores.map((store) => store.onModuleDestroy()));
    });

    it('merges entries with one live key that all add at once, by the hundred', async () => {
      const stores = REPLICAS.map((replica) => subject.open(replica));

      const added = await Promise.all(
        stores.flatMap((store) =>
          Array.from({ length: 25 }, (_, i) => store.add(deadLetterRecord({ idempotencyKey: `key-${i % 5}` }))),
        ),
      );

      expect(added.filter(({ outcome }) => outcome === 'added')).toHaveLength(5);
      const { items } = await stores[0]!.list({});
      expect(items.map(({ occurrences }) => occurrences)).toEqual([40, 40, 40, 40, 40]);
    });

    it('knows an entry that all read back from a spill at once', async () => {
      const stores = REPLICAS.map((replica) => subject.open(replica));
      const records = Array.from({ length: 30 }, () => deadLetterRecord());

      const added = await Promise.all(stores.flatMap((store) => records.map((record) => store.add(record))));

      expect(added.filter(({ outcome }) => outcome === 'added')).toHaveLength(30);
      expect(await stores[0]!.count()).toMatchObject([{ count: 30 }]);
    });

    it('leases each entry to one of eight', async () => {
      const stores = REPLICAS.map((replica) => subject.open(replica));
      const records = Array.from({ length: 40 }, () => deadLetterRecord());
      for (const record of records) await stores[0]!.add(record);

      const leases = await Promise.all(
        stores.flatMap((store, replica) =>
          records.map(({ id }) =>
            store.lease(id, { holder: `replica-${replica}`, leaseMs: 60_000, now: Date.now(), from: FROM }),
          ),
        ),
      );

      expect(leases.filter((lease) => lease !== undefined)).toHaveLength(40);
    });

    it('measures leases by the clock of the database, whatever the callers believe', async () => {
      const [one, other] = [subject.open(0), subject.open(1)];
      const { id } = await one.add(deadLetterRecord());
      const hour = 3_600_000;
      const request = { holder: 'replica', leaseMs: 60_000, from: FROM };

      const lease = await one.lease(id, { ...request, now: Date.now() - hour });

      expect(lease).toBeDefined();
      expect(await other.lease(id, { ...request, now: Date.now() + hour })).toBeUndefined();
      expect(await other.releaseExpired(Date.now() + hour)).toEqual([]);
      expect(await one.renew(lease!, { leaseMs: 0, now: Date.now() + hour })).toBe(true);
      expect(await other.releaseExpired(0)).toMatchObject([{ id, status: 'pending', redrives: 1 }]);
    });

    it('lets each crashed lease be given back by one of eight', async () => {
      const stores = REPLICAS.map((replica) => subject.open(replica));
      for (let i = 0; i < 20; i++) {
        const { id } = await stores[0]!.add(deadLetterRecord());
        await stores[0]!.lease(id, { holder: 'crashed', leaseMs: 0, now: 0, from: FROM });
      }

      const released = await Promise.all(stores.map((store) => store.releaseExpired(0)));

      expect(new Set(released.flat().map(({ id }) => id)).size).toBe(20);
      expect(released.flat()).toHaveLength(20);
    });

    it('keeps the neighbours of an entry that the database refuses', async () => {
      const store = subject.open(0);
      const bad = { ...deadLetterRecord(), occurrences: 2 ** 40 };
      const good = Array.from({ length: 9 }, () => deadLetterRecord());

      const results = await Promise.allSettled([...good.slice(0, 4), bad, ...good.slice(4)].map((r) => store.add(r)));

      expect(results.map(({ status }) => status)).toEqual([
        ...Array<string>(4).fill('fulfilled'),
        'rejected',
        ...Array<string>(5).fill('fulfilled'),
      ]);
      expect(await store.count()).toMatchObject([{ count: 9 }]);
    });

    it('creates one execution for a key that eight submit at once', async () => {
      const all = REPLICAS.map(openLedger);

      const created = await Promise.all(
        all.map((ledger) => ledger.create(executionRecord({ idempotencyKey: 'k', joinKey: 'j' }))),
      );

      expect(created.filter((result) => result.created)).toHaveLength(1);
      expect(new Set(created.map(({ execution }) => execution.id)).size).toBe(1);
    });

    it('lets one of eight claim an execution, and refuses the checkpoints of the others', async () => {
      const all = REPLICAS.map(openLedger);
      const { execution } = await all[0]!.create(executionRecord({ status: 'queued' }));

      const claims = await Promise.all(
        all.map((ledger, replica) =>
          ledger.claim(execution.id, { owner: `r${replica}`, from: ['queued'], startedAt: 1, version: 'v1' }),
        ),
      );
      const kept = await Promise.all(
        all.map((ledger, replica) =>
          ledger.checkpoint({ id: execution.id, owner: `r${replica}`, fence: 1 }, nodeRecord('a')),
        ),
      );

      expect(claims.filter((claim) => claim !== undefined)).toHaveLength(1);
      expect(kept.map((each, replica) => each === (claims[replica] !== undefined))).toEqual(REPLICAS.map(() => true));
    });
  });
}
