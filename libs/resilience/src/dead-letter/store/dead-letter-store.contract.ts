import assert from 'node:assert/strict';
import { KEYS_THAT_DIFFER } from '../capture/keys-that-differ.js';
import type { DeadLetterRecord, DeadLetterStatus } from '../dead-letter.entry.js';
import type { DeadLetterLease, DeadLetterStore } from './dead-letter.store.js';
import { MOVABLE_STATUSES } from './transitions.js';

/** What jest, vitest and node:test have in common. */
export interface TestApi {
  readonly describe: (name: string, body: () => void) => void;
  readonly it: (name: string, body: () => Promise<void>) => void;
}

export interface StoreUnderTest {
  /** An empty store. */
  open(): Promise<DeadLetterStore> | DeadLetterStore;
  /** A second access to what the first holds, as another replica has it; without it those tests are left out. */
  reopen?(): Promise<DeadLetterStore> | DeadLetterStore;
  /** After each test. */
  close?(): Promise<void> | void;
}

const NOW = 1_800_000_000_000;
let made = 0;

/** A complete entry for tests; later ones have higher ids. */
export function deadLetterRecord(change: Partial<DeadLetterRecord> = {}): DeadLetterRecord {
  const serial = (++made).toString(16).padStart(12, '0');
  return {
    id: `01900000-0000-7000-8000-${serial}`,
    queue: 'orders',
    target: 'OrderService.charge',
    args: { encoding: 'superjson', json: [{ order: 'A-1', at: '2026-01-01T00:00:00.000Z' }], meta: { values: { '0.at': ['Date'] }, v: 1 } },
    ...{ replayable: true, notReplayable: [], redacted: [], reason: 'failed' },
    error: { name: 'TimeoutError', message: 'No answer within 30 s', code: 'ETIMEDOUT', stack: 'TimeoutError: ...', cause: { name: 'Error', message: 'socket' } },
    attempts: [{ number: 1, startedAt: NOW - 10, durationMs: 7, error: { name: 'TimeoutError', message: 'No answer' } }],
    fallbacks: [{ level: 1, name: 'chargeLater', error: { name: 'Error', message: 'no queue' } }],
    ...{ executionId: 'execution-1', traceparent: '00-11111111111111111111111111111111-2222222222222222-01' },
    ...{ occurrences: 1, firstFailedAt: NOW - 10, createdAt: NOW, updatedAt: NOW },
    ...{ status: 'pending', redrives: 0, maxRedrives: 5 },
    ...change,
  }; // prettier-ignore
}

/**
 * The contract of {@link DeadLetterStore} as a suite: every store passes it, yours too.
 *
 * ```ts
 * describeDeadLetterStore('my store', { describe, it }, { open: () => new MyStore() });
 * ```
 */
export function describeDeadLetterStore(name: string, { describe, it }: TestApi, subject: StoreUnderTest): void {
  const test = (sentence: string, body: (store: DeadLetterStore) => Promise<void>) =>
    it(sentence, async () => {
      const store = await subject.open();
      try {
        await store.init?.();
        await body(store);
      } finally {
        await subject.close?.();
      }
    });

  describe(`${name} as a DeadLetterStore`, () => {
    describe('keeping', () => {
      test('gives back exactly what was added', async (store) => {
        const record = deadLetterRecord({ idempotencyKey: 'A-1', note: 'see ticket 7', redacted: ['args[0].pin'] });

        const added = await store.add(record);

        assert.deepEqual(added, { id: record.id, outcome: 'added' });
        assert.deepEqual(await store.get(record.id), record);
      });

      test('leaves out what an entry does not have', async (store) => {
        const { traceparent: _, ...record } = deadLetterRecord();

        await store.add(record);

        assert.deepEqual(await store.get(record.id), record);
      });

      test('answers undefined for an unknown id', async (store) => {
        assert.equal(await store.get('01900000-0000-7000-8000-ffffffffffff'), undefined);
      });

      test('does not add an id twice, so that a spill may be read back twice', async (store) => {
        const record = deadLetterRecord();
        await store.add(record);

        const again = await store.add({ ...record, queue: 'other' });

        assert.deepEqual(again, { id: record.id, outcome: 'known' });
        assert.deepEqual(await store.get(record.id), record);
      });

      test('is not changed through what it gave or got', async (store) => {
        const record = deadLetterRecord();
        await store.add(record);

        (record.args.json as unknown[]).push('later');
        ((await store.get(record.id))!.args.json as unknown[]).push('later still');

        assert.equal(((await store.get(record.id))!.args.json as unknown[]).length, 1);
      });
    });

    describe('idempotency keys', () => {
      test('a second entry with a live key updates the first, which keeps its id', async (store) => {
        const first = deadLetterRecord({ idempotencyKey: 'A-1' });
        const second = deadLetterRecord({
          idempotencyKey: 'A-1',
          args: { encoding: 'superjson', json: ['newer'] },
          error: { name: 'RangeError', message: 'newer' },
          createdAt: NOW + 5,
        });
        await store.add(first);

        const added = await store.add(second);

        assert.deepEqual(added, { id: first.id, outcome: 'merged' });
        const kept = await store.get(first.id);
        assert.deepEqual(kept?.args, second.args);
        assert.equal(kept?.error.message, 'newer');
        assert.deepEqual([kept?.occurrences, kept?.createdAt, kept?.updatedAt], [2, NOW, NOW + 5]);
        assert.equal(await store.get(second.id), undefined);
        assert.equal((await store.list({ errorName: 'RangeError' })).items.length, 1);
      });

      test('keys of different targets, and entries without a key, stay apart', async (store) => {
        await store.add(deadLetterRecord({ idempotencyKey: 'A-1' }));
        await store.add(deadLetterRecord({ idempotencyKey: 'A-1', target: 'OrderService.refund' }));
        await store.add(deadLetterRecord());
        await store.add(deadLetterRecord());

        assert.equal((await store.list({})).items.length, 4);
      });

      test('a key is free again once its entry is closed or poisoned', async (store) => {
        for (const status of ['resolved', 'discarded', 'poisoned'] as const) {
          await store.add(deadLetterRecord({ idempotencyKey: 'A-1', status }));
        }

        const added = await store.add(deadLetterRecord({ idempotencyKey: 'A-1' }));

        assert.equal(added.outcome, 'added');
      });

      test('a poisoned entry can be taken up again although its key has a new live entry', async (store) => {
        const old = deadLetterRecord({ idempotencyKey: 'A-1', status: 'poisoned' });
        await store.add(old);
        await store.add(deadLetterRecord({ idempotencyKey: 'A-1' }));

        assert.ok(await store.lease(old.id, request()));
      });

      test('many adds at once with one key make one entry', async (store) => {
        const all = Array.from({ length: 20 }, () => deadLetterRecord({ idempotencyKey: 'A-1' }));

        const outcomes = await Promise.all(all.map((record) => store.add(record)));

        assert.equal(new Set(outcomes.map(({ id }) => id)).size, 1);
        assert.equal((await store.get(outcomes[0]!.id))?.occurrences, 20);
      });
    });

    describe('finding', () => {
      const a = () => deadLetterRecord({ queue: 'a', createdAt: NOW + 1 });
      const b = () => deadLetterRecord({ queue: 'b', createdAt: NOW + 2, status: 'poisoned', target: 'Mail.send' });
      const c = () =>
        deadLetterRecord({
          ...{ queue: 'a', createdAt: NOW + 3, status: 'discarded', note: 'Written off' },
          error: { name: 'QuotaError', message: '100% used_up' },
          args: { encoding: 'superjson', json: [{ city: 'Bonn' }] },
        });

      test('by each field and by all of them together', async (store) => {
        const [x, y, z] = [a(), b(), c()];
        for (const record of [x, y, z]) await store.add(record);
        const found = async (filter: Parameters<DeadLetterStore['list']>[0]) =>
          (await store.list({ order: 'oldest', ...filter })).items.map(({ id }) => id);

        assert.deepEqual(await found({}), [x.id, y.id, z.id]);
        assert.deepEqual(await found({ queue: 'a' }), [x.id, z.id]);
        assert.deepEqual(await found({ status: 'poisoned' }), [y.id]);
        assert.deepEqual(await found({ status: ['poisoned', 'discarded'] }), [y.id, z.id]);
        assert.deepEqual(await found({ status: [] }), []);
        assert.deepEqual(await found({ target: 'Mail.send' }), [y.id]);
        assert.deepEqual(await found({ errorName: 'QuotaError' }), [z.id]);
        assert.deepEqual(await found({ from: NOW + 2 }), [y.id, z.id]);
        assert.deepEqual(await found({ to: NOW + 2 }), [x.id]);
        assert.deepEqual(await found({ queue: 'a', status: 'pending', from: NOW, to: NOW + 9, text: 'ANSWER' }), [
          x.id,
        ]);
      });

      test('text is sought literally in message, target, arguments and note', async (store) => {
        const [x, y, z] = [a(), b(), c()];
        for (const record of [x, y, z]) await store.add(record);
        const found = async (text: string) => (await store.list({ text })).items.map(({ id }) => id);

        assert.deepEqual(await found('100% USED_'), [z.id]);
        assert.deepEqual(await found('mail.s'), [y.id]);
        assert.deepEqual(await found('bonn'), [z.id]);
        assert.deepEqual(await found('written'), [z.id]);
        assert.deepEqual(await found('%'), [z.id]);
        assert.deepEqual(await found("'; DROP TABLE dead_letters; --"), []);
      });

      test('pages by key: nothing twice and nothing missed while entries come and go', async (store) => {
        const records = Array.from({ length: 7 }, () => deadLetterRecord());
        for (const record of records) await store.add(record);
        const ids = records.map(({ id }) => id).reverse();

        const first = await store.list({ limit: 3 });
        await store.add(deadLetterRecord());
        const second = await store.list({ limit: 3, cursor: first.nextCursor! });
        const third = await store.list({ limit: 3, cursor: second.nextCursor! });

        const seen = [first, second, third].map(({ items }) => items.map(({ id }) => id));
        assert.deepEqual(seen, [ids.slice(0, 3), ids.slice(3, 6), ids.slice(6)]);
        assert.equal(third.nextCursor, null);
      });

      test('pages through large entries, each whole or in part and marked, with one on a page at least', async (store) => {
        const text = 'ä"\\'.repeat(500_000);
        const records = Array.from({ length: 5 }, (_, n) =>
          deadLetterRecord({ args: { encoding: 'superjson', json: n === 2 ? ['small'] : [{ n, text }] } }),
        );
        for (const record of records) await store.add(record);

        for (const excerpts of [true, false]) {
          const seen = [];
          let cursor: string | undefined;
          do {
            const query = { order: 'oldest', limit: 4, ...(cursor !== undefined && { cursor }) } as const;
            const page = await store.list(query, { excerpts });
            assert.ok(page.items.length > 0);
            seen.push(...page.items);
            cursor = page.nextCursor ?? undefined;
          } while (cursor !== undefined);

          assert.deepEqual(
            seen.map(({ id }) => id),
            records.map(({ id }) => id),
          );
          for (const [n, { args, ...rest }] of seen.entries()) {
            const { args: whole, ...others } = records[n]!;
            assert.deepEqual(rest, others);
            assert.ok(excerpts || args.excerpt === undefined);
            if (args.excerpt === undefined) assert.deepEqual(args, whole);
            else
              assert.match(
                JSON.stringify(args.json),
                new RegExp(`^\\[\\{"n":${n},"text":"ä.{1000,400000}\\.\\.\\."\\}\\]$`),
              );
          }
        }
      });

      test('a page that ends with the last entry has no next one', async (store) => {
        for (let i = 0; i < 3; i++) await store.add(deadLetterRecord());

        assert.equal((await store.list({ limit: 3, order: 'oldest' })).nextCursor, null);
      });

      test('counts by queue and status, with the oldest of each', async (store) => {
        for (const record of [a(), b(), c(), deadLetterRecord({ queue: 'a', createdAt: NOW + 9 })])
          await store.add(record);

        assert.deepEqual(await sorted(store.count()), [
          { queue: 'a', status: 'discarded', count: 1, oldestAt: NOW + 3 },
          { queue: 'a', status: 'pending', count: 2, oldestAt: NOW + 1 },
          { queue: 'b', status: 'poisoned', count: 1, oldestAt: NOW + 2 },
        ]);
        assert.deepEqual(await sorted(store.count({ queue: 'b' })), [
          { queue: 'b', status: 'poisoned', count: 1, oldestAt: NOW + 2 },
        ]);
      });
    });

    describe('leasing', () => {
      test('at most one of many gets an entry', async (store) => {
        const { id } = await added(store);

        const leases = await Promise.all(Array.from({ length: 10 }, () => store.lease(id, request())));

        assert.equal(leases.filter(Boolean).length, 1);
        assert.equal((await store.get(id))?.status, 'redriving');
      });

      test('only from the statuses asked for, only what exists and only what can be replayed', async (store) => {
        const closed = await added(store, { status: 'resolved' });
        const poisoned = await added(store, { status: 'poisoned' });
        const unplayable = await added(store, { replayable: false, notReplayable: ['args[0] is a Socket'] });

        assert.equal(await store.lease(closed.id, request()), undefined);
        assert.equal(await store.lease(poisoned.id, { ...request(), from: ['pending'] }), undefined);
        assert.ok(await store.lease(poisoned.id, request()));
        assert.equal(await store.lease(unplayable.id, request()), undefined);
        assert.equal(await store.lease('01900000-0000-7000-8000-ffffffffffff', request()), undefined);
      });

      test('a lease that ran out is taken again, and its old holder can do nothing any more', async (store) => {
        const { id } = await added(store);
        const crashed = await leased(store, id, NOW);

        assert.equal(await store.lease(id, request(NOW + 59_999)), undefined);
        const next = await leased(store, id, NOW + 60_000);

        assert.ok(next.token > crashed.token);
        assert.equal(await store.renew(crashed, { leaseMs: 60_000, now: NOW + 60_001 }), false);
        assert.equal(await store.settle(crashed, { outcome: 'resolved', at: NOW + 60_001 }), undefined);
        assert.equal(await store.settle(next, { outcome: 'resolved', at: NOW + 60_002 }), 'resolved');
      });

      test('a renewed lease lasts from then on', async (store) => {
        const { id } = await added(store);
        const lease = await leased(store, id, NOW);

        assert.equal(await store.renew(lease, { leaseMs: 60_000, now: NOW + 50_000 }), true);

        assert.equal(await store.lease(id, request(NOW + 60_000)), undefined);
        assert.ok(await store.lease(id, request(NOW + 110_000)));
      });

      test('what a crash left is given back and counts as a failed redrive', async (store) => {
        const { id } = await added(store);
        const last = await added(store, { redrives: 4 });
        await leased(store, id, NOW);
        await leased(store, last.id, NOW);

        assert.deepEqual(await store.releaseExpired(NOW + 59_999), []);
        assert.deepEqual(await store.releaseExpired(NOW, 60_000), []);
        const released = await store.releaseExpired(NOW + 60_000);

        assert.deepEqual(
          released.sort((x, y) => (x.id < y.id ? -1 : 1)),
          [
            { id, queue: 'orders', target: 'OrderService.charge', redrives: 1, status: 'pending' },
            { id: last.id, queue: 'orders', target: 'OrderService.charge', redrives: 5, status: 'poisoned' },
          ],
        );
        assert.equal((await store.get(last.id))?.status, 'poisoned');
      });

      test('an entry that kills every process that runs it ends as poisoned', async (store) => {
        const { id } = await added(store, { maxRedrives: 2 });
        await leased(store, id, NOW);
        await leased(store, id, NOW + 100_000);

        assert.equal(await store.lease(id, { ...request(NOW + 200_000), from: ['pending'] }), undefined);

        assert.equal((await store.get(id))?.status, 'poisoned');
      });
    });

    describe('settling', () => {
      test('success resolves', async (store) => {
        const { id } = await added(store);

        const status = await store.settle(await leased(store, id), { outcome: 'resolved', at: NOW + 5 });

        assert.equal(status, 'resolved');
        const { redrives, lastRedriveAt, closedAt, updatedAt } = (await store.get(id))!;
        assert.deepEqual([redrives, lastRedriveAt, closedAt, updatedAt], [1, NOW + 5, NOW + 5, NOW + 5]);
      });

      test('failure gives the entry back with its error, and poisons it at the last', async (store) => {
        const { id } = await added(store, { maxRedrives: 2 });
        const error = { name: 'Error', message: 'again' };

        assert.equal(await store.settle(await leased(store, id), { outcome: 'failed', at: NOW + 5, error }), 'pending');
        assert.equal(
          await store.settle(await leased(store, id), { outcome: 'failed', at: NOW + 6, error }),
          'poisoned',
        );

        const { redrives, lastRedriveError, error: first, closedAt } = (await store.get(id))!;
        assert.deepEqual([redrives, lastRedriveError, first.name, closedAt], [2, error, 'TimeoutError', undefined]);
        assert.equal((await store.list({})).items.length, 1);
      });

      test('once only', async (store) => {
        const { id } = await added(store);
        const lease = await leased(store, id);
        await store.settle(lease, { outcome: 'failed', at: NOW });

        assert.equal(await store.settle(lease, { outcome: 'resolved', at: NOW }), undefined);
      });

      test('a failed call that was merged in while the redrive ran is not lost', async (store) => {
        const { id } = await added(store, { idempotencyKey: 'A-1' });
        const lease = await leased(store, id);
        await store.add(deadLetterRecord({ idempotencyKey: 'A-1', args: { encoding: 'superjson', json: ['newer'] } }));

        const status = await store.settle(lease, { outcome: 'resolved', at: NOW + 5 });

        assert.equal(status, 'pending');
        assert.deepEqual((await store.get(id))?.args.json, ['newer']);
      });
    });

    describe('by hand', () => {
      const args = { encoding: 'superjson', json: ['edited'] } as const;

      test('edits the arguments, which makes the entry pending', async (store) => {
        const { id } = await added(store, { status: 'poisoned', replayable: false, notReplayable: ['cut'] });

        assert.equal(
          await store.edit(id, { args, replayable: true, notReplayable: [], note: 'fixed', at: NOW + 5 }),
          true,
        );

        const { args: kept, status, replayable, notReplayable, note, updatedAt } = (await store.get(id))!;
        assert.deepEqual(
          [kept, status, replayable, notReplayable, note, updatedAt],
          [args, 'pending', true, [], 'fixed', NOW + 5],
        );
      });

      test('discards', async (store) => {
        const { id } = await added(store);

        assert.equal(await store.discard(id, { note: 'paid by hand', at: NOW + 5 }), true);

        const { status, note, closedAt } = (await store.get(id))!;
        assert.deepEqual([status, note, closedAt], ['discarded', 'paid by hand', NOW + 5]);
      });

      test('touches neither closed entries nor those being redriven', async (store) => {
        const running = await added(store);
        await leased(store, running.id);
        const closed = await added(store, { status: 'resolved' });

        for (const { id } of [running, closed]) {
          assert.equal(await store.edit(id, { args, replayable: true, notReplayable: [], at: NOW }), false);
          assert.equal(await store.discard(id, { at: NOW }), false);
        }
      });

      test('purges what matches, but nothing that is being redriven', async (store) => {
        const running = await added(store);
        await leased(store, running.id);
        await added(store);
        const other = await added(store, { queue: 'other' });

        assert.equal(await store.purge({ queue: 'orders' }), 1);

        assert.deepEqual(
          (await store.list({ order: 'oldest' })).items.map(({ id }) => id),
          [running.id, other.id],
        );
      });
    });

    describe('names that differ in blanks, case or accents alone', () => {
      const names = ['orders', 'orders ', ' orders', 'Orders', '\u00f6rders', 'o\u0308rders'];

      test('are queues, targets and errors of their own', async (store) => {
        for (const name of names) await added(store, { queue: name, target: name, error: { name, message: 'm' } });

        assert.deepEqual(
          (await store.count()).map(({ queue, count }) => [queue, count]).sort(),
          names.map((name) => [name, 1]).sort(),
        );
        for (const name of names)
          for (const by of ['queue', 'target', 'errorName'] as const)
            assert.deepEqual(
              (await store.list({ [by]: name })).items.map(({ queue }) => queue),
              [name],
            );
        assert.equal(await store.purge({ queue: 'orders' }), 1);
      });

      test('are ids of their own', async (store) => {
        const { id } = await added(store);

        for (const other of [`${id} `, ` ${id}`, id.toUpperCase() === id ? `${id}.` : id.toUpperCase()])
          assert.equal(await store.get(other), undefined, JSON.stringify(other));
        assert.equal(await store.discard(`${id} `, { at: NOW }), false);
        assert.equal((await store.add(deadLetterRecord({ id: `${id} ` }))).outcome, 'added');
      });
    });

    describe('texts that not every database keeps', () => {
      // NUL, and halves of a surrogate pair: PostgreSQL refuses the one, UTF-8 the other.
      const odd = 'a\0b\ud800c\udc00 \u{1f600}';
      const kept = 'a\ufffdb\ufffdc\ufffd \u{1f600}';

      test('are kept in JSON, and elsewhere with U+FFFD in their place', async (store) => {
        const { id } = await added(store, {
          ...{ queue: odd, target: odd, executionId: odd, traceparent: odd, idempotencyKey: odd, note: odd },
          args: { encoding: 'superjson', json: [odd, { [odd]: odd }] },
          error: { name: odd, message: odd },
        });

        const entry = (await store.get(id))!;

        const { queue, target, executionId, traceparent, idempotencyKey, note } = entry;
        for (const text of [queue, target, executionId, traceparent, idempotencyKey, note]) assert.equal(text, kept);
        assert.deepEqual(entry.args.json, [odd, { [odd]: odd }]);
        assert.deepEqual(entry.error, { name: odd, message: odd });
      });

      test('are found as they were given and as they were kept', async (store) => {
        await added(store, { queue: odd, target: odd, error: { name: odd, message: odd }, note: odd });
        await added(store);

        for (const text of [odd, kept]) {
          for (const name of ['queue', 'target', 'errorName', 'text'] as const)
            assert.equal((await store.list({ [name]: text })).items.length, 1, `${name} ${JSON.stringify(text)}`);
          assert.deepEqual(
            (await store.count({ text })).map(({ queue, count }) => [queue, count]),
            [[kept, 1]],
          );
        }
        assert.equal(await store.purge({ queue: odd }), 1);
      });

      test('are found in arguments, where JSON escapes them', async (store) => {
        await added(store, { args: { encoding: 'superjson', json: [{ said: `${odd} "quoted"` }] } });
        await added(store);

        for (const text of ['\0b', '\ud800', '"quoted"', '\\u0000b', '"said":"a'])
          assert.equal((await store.list({ text })).items.length, 1, JSON.stringify(text));
        assert.equal((await store.list({ text: '\0z' })).items.length, 0);
      });

      test('are two keys when they differ, also in what is not kept', async (store) => {
        for (const idempotencyKey of KEYS_THAT_DIFFER) await added(store, { idempotencyKey });

        for (const idempotencyKey of KEYS_THAT_DIFFER)
          assert.equal((await store.add(deadLetterRecord({ idempotencyKey }))).outcome, 'merged');

        assert.deepEqual(
          (await store.list({})).items.map(({ occurrences }) => occurrences),
          KEYS_THAT_DIFFER.map(() => 2),
        );
      });

      test('are one key when they are kept as one', async (store) => {
        await added(store, { idempotencyKey: odd });

        const second = await store.add(deadLetterRecord({ idempotencyKey: odd }));

        assert.equal(second.outcome, 'merged');
      });

      test('name no entry: ids are ASCII', async (store) => {
        await added(store);

        for (const id of ['\0', 'a\0b', '\ud800', '\u00e9', '\u{1f600}', '%', '']) {
          assert.equal(await store.get(id), undefined);
          assert.equal(await store.lease(id, request()), undefined);
          assert.equal(await store.edit(id, { args: { encoding: 'superjson', json: [] }, replayable: true, notReplayable: [], at: NOW }), false); // prettier-ignore
          assert.equal(await store.discard(id, { note: odd, at: NOW }), false);
        }
      });

      test('break no page: as cursors they stand behind every id', async (store) => {
        await added(store);

        for (const cursor of ['\0', '\ud800', '\u00e9']) {
          assert.equal((await store.list({ cursor })).items.length, 1);
          assert.equal((await store.list({ cursor, order: 'oldest' })).items.length, 0);
        }
      });

      test('may stand in notes', async (store) => {
        const edit = await added(store);
        const discard = await added(store);
        const args = { encoding: 'superjson', json: [odd] } as const;

        await store.edit(edit.id, { args, replayable: true, notReplayable: [], note: odd, at: NOW });
        await store.discard(discard.id, { note: odd, at: NOW });

        assert.deepEqual([(await store.get(edit.id))?.note, (await store.get(discard.id))?.note], [kept, kept]);
      });
    });

    test('takes times between milliseconds, and beyond all of them', async (store) => {
      await added(store, { createdAt: NOW });

      const found = async (from: number, to: number) => (await store.list({ from, to })).items.length;

      assert.deepEqual([await found(NOW - 0.5, NOW + 0.5), await found(NOW + 0.5, Infinity)], [1, 0]);
      assert.deepEqual([await found(0, 1e300), await found(1e300, Infinity)], [1, 0]);
    });

    test('cuts names that no index can hold, and finds them', async (store) => {
      // The cut goes through the last character.
      const long = `${'x'.repeat(499)}\u{1f600}`;
      const { id } = await added(store, { queue: long, target: long });

      assert.equal((await store.get(id))?.queue, `${'x'.repeat(499)}\ufffd`);
      assert.equal((await store.list({ queue: long, target: long })).items.length, 1);
    });

    describe('retention', () => {
      test('removes closed entries by age, open ones never', async (store) => {
        await added(store, { status: 'resolved', closedAt: NOW - 2 });
        const recent = await added(store, { status: 'discarded', closedAt: NOW });
        const open = await added(store, { createdAt: 1 });

        const report = await store.prune({ closedBefore: NOW - 1, maxEntriesPerQueue: 100 });

        assert.deepEqual(report, { removed: 1, overCap: [] });
        assert.deepEqual(
          (await store.list({ order: 'oldest' })).items.map(({ id }) => id),
          [recent.id, open.id],
        );
      });

      test('above the cap removes the oldest closed ones of that queue, and says when only open ones are left', async (store) => {
        await added(store, { status: 'resolved', closedAt: NOW });
        await added(store, { status: 'discarded', closedAt: NOW });
        const kept = await added(store, { status: 'resolved', closedAt: NOW });
        const open = await added(store);
        for (let i = 0; i < 3; i++) await added(store, { queue: 'crowded' });

        const report = await store.prune({ closedBefore: 0, maxEntriesPerQueue: 2 });

        assert.deepEqual(report, { removed: 2, overCap: [{ queue: 'crowded', count: 3 }] });
        assert.deepEqual(
          (await store.list({ queue: 'orders', order: 'oldest' })).items.map(({ id }) => id),
          [kept.id, open.id],
        );
      });
    });

    const reopen = subject.reopen && (() => subject.reopen!());
    if (!reopen) return;
    describe('among replicas', () => {
      test('one sees what the other acknowledged', async (store) => {
        const record = await added(store);

        assert.deepEqual(await (await reopen()).get(record.id), record);
      });

      test('an entry is leased to one of them only', async (store) => {
        const other = await reopen();
        const ids = await Promise.all(Array.from({ length: 20 }, async () => (await added(store)).id));

        const leases = await Promise.all(ids.flatMap((id) => [store.lease(id, request()), other.lease(id, request())]));

        assert.equal(leases.filter(Boolean).length, 20);
      });
    });
  });
}

function request(now = NOW) {
  return { holder: 'replica-1', leaseMs: 60_000, now, from: MOVABLE_STATUSES };
}

async function added(store: DeadLetterStore, change: Partial<DeadLetterRecord> = {}): Promise<DeadLetterRecord> {
  const record = deadLetterRecord(change);
  await store.add(record);
  return record;
}

async function leased(store: DeadLetterStore, id: string, now = NOW): Promise<DeadLetterLease> {
  const lease = await store.lease(id, request(now));
  assert.ok(lease, `no lease for ${id}`);
  return lease;
}

async function sorted<T extends { queue: string; status: DeadLetterStatus }>(list: Promise<T[]>): Promise<T[]> {
  return (await list).sort((x, y) => (`${x.queue} ${x.status}` < `${y.queue} ${y.status}` ? -1 : 1));
}
