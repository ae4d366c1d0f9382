import assert from 'node:assert/strict';
import type { ExecutionRecord, NodeRecord } from '../ledger/execution.js';
import { type ExecutionEnd, type ExecutionLease, type ExecutionStore, leaseOf } from '../ledger/execution-store.js';
import { type ItemLedger, type ItemRecord, itemsOf } from '../ledger/items.js';

/** Of the suite this one is a part of. */
interface Made {
  readonly executionRecord: (change?: Partial<ExecutionRecord>) => ExecutionRecord;
  readonly nodeRecord: (node: string, change?: Partial<NodeRecord>) => NodeRecord;
  readonly end: (change?: Partial<ExecutionEnd>) => ExecutionEnd;
}

/** A complete record of an item for tests. */
function itemRecord(index: number, change: Partial<ItemRecord> = {}): ItemRecord {
  return {
    ...{ node: 'each', step: '', index, status: 'succeeded', result: { of: index } },
    ...{ startedAt: 1_800_000_000_000, finishedAt: 1_800_000_000_005, fallbackLevel: 0, degraded: false },
    attempts: [
      {
        ...{ number: 1, by: 'each', level: 0, outcome: 'succeeded', actions: [], index },
        ...{ startedAt: 1_800_000_000_000, durationMs: 5 },
      },
    ],
    ...{ attemptCount: 1, retryCount: 0 },
    ...change,
  };
}

const failed = (index: number, change: Partial<ItemRecord> = {}): ItemRecord => {
  const { result: _, ...record } = itemRecord(index);
  return { ...record, status: 'failed', error: { name: 'Error', message: 'no' }, item: { n: index }, ...change };
};

/** Of a store that keeps no items there is nothing to say. */
export function describeItemLedger(
  test: (sentence: string, body: (store: ExecutionStore) => Promise<void>) => void,
  { executionRecord, nodeRecord, end }: Made,
): void {
  const itemTest = (
    sentence: string,
    body: (store: ExecutionStore, items: ItemLedger, lease: ExecutionLease) => Promise<void>,
  ): void =>
    test(`if it keeps items: ${sentence}`, async (store) => {
      if (!store.items) return;
      const { execution } = await store.create(executionRecord());
      await body(store, store.items, leaseOf(execution));
    });
  const all = async (items: ItemLedger, id: string, filter: Partial<ItemRecord> & { node?: string } = {}) => {
    const found: ItemRecord[] = [];
    const { node = 'each', step, status } = filter;
    for await (const item of itemsOf(items, id, { node, step, ...(status && { status }) })) found.push(item);
    return found;
  };

  itemTest(
    'keeps each once, replaces only failed ones, and gives them in the order of the list',
    async (_, items, lease) => {
      const { id } = lease;
      assert.equal(await items.keep(lease, itemRecord(2)), true);
      assert.equal(await items.keep(lease, failed(0)), true);
      assert.equal(await items.keep(lease, itemRecord(2, { result: 'second' })), true);
      assert.deepEqual(await all(items, id), [failed(0), itemRecord(2)]);

      assert.equal(await items.keep(lease, failed(0, { error: { name: 'E', message: 'again' } })), true);
      assert.equal((await all(items, id))[0]?.error?.message, 'again');
      assert.equal(await items.keep(lease, itemRecord(0, { result: null })), true);
      assert.equal(await items.keep(lease, failed(0)), true);

      assert.deepEqual(await all(items, id), [itemRecord(0, { result: null }), itemRecord(2)]);
    },
  );

  itemTest(
    'answers each of many that come at once for itself, beside checkpoints of nodes',
    async (store, items, lease) => {
      const other = { ...lease, owner: 'other' };

      const answers = await Promise.all([
        items.keep(lease, failed(0)),
        items.keep(other, itemRecord(0, { result: 'foreign' })),
        items.keep(lease, itemRecord(0, { result: 'kept' })),
        items.keep({ ...lease, id: 'unknown' }, itemRecord(0)),
        store.checkpoint(lease, nodeRecord('a')),
        ...Array.from({ length: 300 }, (__, index) => items.keep(lease, itemRecord(index + 1))),
      ]);

      assert.deepEqual(answers.slice(0, 5), [true, false, true, false, true]);
      assert.ok(answers.slice(5).every(Boolean));
      const found = await all(items, lease.id);
      assert.equal(found.length, 301);
      assert.deepEqual(found[0]?.result, 'kept');
      assert.ok(found.every(({ index }, place) => index === place));
      assert.deepEqual((await store.get(lease.id))?.nodes, [nodeRecord('a')]);
    },
  );

  itemTest('refuses those of an older lease, of somebody else, and of what has ended', async (store, items, lease) => {
    const claim = { owner: 'me', from: ['running'] as const, startedAt: 1, version: 'v1' };
    const next = leaseOf((await store.claim(lease.id, claim))!);

    assert.equal(await items.keep(lease, itemRecord(0)), false);
    assert.equal(await items.keep({ ...next, owner: 'other' }, itemRecord(0)), false);
    assert.equal(await items.keep(next, itemRecord(1)), true);
    await store.finish(next, end());
    assert.equal(await items.keep(next, itemRecord(2)), false);

    assert.deepEqual(await all(items, lease.id), [itemRecord(1)]);
  });

  itemTest('tells nodes and steps apart, counts them, and gives those of one status', async (_, items, lease) => {
    for (const index of [0, 1, 2, 3]) await items.keep(lease, index % 2 === 0 ? itemRecord(index) : failed(index));
    await items.keep(lease, itemRecord(0, { step: 'backup' }));
    await items.keep(lease, itemRecord(0, { node: 'other' }));

    assert.deepEqual(await all(items, lease.id, { status: 'failed' }), [failed(1), failed(3)]);
    assert.deepEqual(await all(items, lease.id, { step: 'backup' }), [itemRecord(0, { step: 'backup' })]);
    assert.deepEqual(await items.counts(lease.id), [
      { node: 'each', step: '', succeeded: 2, failed: 2 },
      { node: 'each', step: 'backup', succeeded: 1, failed: 0 },
      { node: 'other', step: '', succeeded: 1, failed: 0 },
    ]);
    assert.deepEqual(await items.counts('unknown'), []);
  });

  itemTest('pages by number, and earlier where items are large', async (_, items, lease) => {
    const { id } = lease;
    await Promise.all([0, 1, 2, 3, 4].map((index) => items.keep(lease, itemRecord(index))));
    await items.keep(lease, itemRecord(9));
    const indexes = async (filter: object) => {
      const page = await items.page(id, { node: 'each', ...filter });
      return [page.items.map(({ index }) => index), page.nextCursor];
    };
    assert.deepEqual(await indexes({ limit: 2 }), [[0, 1], 1]);
    assert.deepEqual(await indexes({ limit: 2, cursor: 3 }), [[4, 9], null]);
    assert.deepEqual(await indexes({ limit: 1, cursor: 4 }), [[9], null]);
    assert.deepEqual(await indexes({ cursor: 9 }), [[], null]);
    assert.deepEqual(await indexes({ node: 'unknown' }), [[], null]);

    const text = 'ä'.repeat(700_000);
    for (let index = 0; index < 8; index++) await items.keep(lease, itemRecord(index, { node: 'large', result: text }));
    const large = await all(items, id, { node: 'large' });
    assert.deepEqual(
      large.map(({ index, result }) => [index, result === text]),
      Array.from({ length: 8 }, (__, index) => [index, true]),
    );
  });

  itemTest('amends a failed one after the run, and no other', async (store, items, lease) => {
    const { id } = lease;
    await items.keep(lease, failed(0));
    await items.keep(lease, itemRecord(1));
    await store.finish(lease, end());

    assert.equal(await items.amend(id, itemRecord(0, { result: 'late' })), true);
    assert.equal(await items.amend(id, itemRecord(0, { result: 'later' })), false);
    assert.equal(await items.amend(id, itemRecord(1, { result: 'late' })), false);
    assert.equal(await items.amend(id, itemRecord(2)), false);
    assert.equal(await items.amend('unknown', itemRecord(0)), false);

    assert.deepEqual(await all(items, id), [itemRecord(0, { result: 'late' }), itemRecord(1)]);
  });

  itemTest('removes those of nodes that run again, and no others', async (store, items, lease) => {
    if (!store.reopen) return;
    const { id } = lease;
    await items.keep(lease, itemRecord(0));
    await items.keep(lease, itemRecord(0, { step: 'backup' }));
    await items.keep(lease, itemRecord(0, { node: 'other' }));
    await store.finish(lease, end());
    const claim = { owner: 'me', from: ['succeeded'] as const, startedAt: 1, version: 'v1' };

    await store.reopen(id, { ...claim, from: ['failed'] as never }, ['each']);
    assert.equal((await items.counts(id)).length, 3);
    const again = await store.reopen(id, claim, ['each']);

    assert.deepEqual(await items.counts(id), [{ node: 'other', step: '', succeeded: 1, failed: 0 }]);
    assert.equal(await items.keep(leaseOf(again!), itemRecord(0, { result: 'new' })), true);
    assert.deepEqual(await all(items, id), [itemRecord(0, { result: 'new' })]);
  });

  itemTest('removes them with their execution, however many they are', async (store, items, lease) => {
    if (!store.prune) return;
    const kept = leaseOf((await store.create(executionRecord())).execution);
    await items.keep(kept, itemRecord(0));
    await Promise.all(Array.from({ length: 2_500 }, (_, index) => items.keep(lease, itemRecord(index))));
    await store.finish(lease, end({ finishedAt: 5 }));

    assert.equal(await store.prune(6, 10), 1);

    assert.deepEqual(await items.counts(lease.id), []);
    assert.equal(await store.find(lease.id), undefined);
    assert.deepEqual(await all(items, kept.id), [itemRecord(0)]);
  });

  itemTest('forgets crashes with one that succeeded', async (store, items, lease) => {
    if (!store.shared) return;
    const claim = (owner: string) => ({
      ...{ owner, from: ['running'] as const, startedAt: 1, version: 'v1', leaseMs: 1 },
    });
    await store.claim(lease.id, claim('me'));
    let crashed: Awaited<ReturnType<ExecutionStore['claim']>>;
    // Its lease of a millisecond is over at some time of the ledger's clock.
    while (!crashed) crashed = await store.claim(lease.id, claim('second'));
    assert.equal(crashed.crashes, 1);

    await items.keep(leaseOf(crashed), failed(0));
    assert.equal((await store.find(lease.id))?.crashes, 1);
    await items.keep(leaseOf(crashed), itemRecord(1));

    assert.equal((await store.find(lease.id))?.crashes, undefined);
  });

  itemTest('keeps texts as they are, and is no part of what the ledger lists', async (store, items, lease) => {
    const odd = 'a\0b\ud800c\udc00 \u{1f600}';
    const item = itemRecord(0, { result: { [odd]: [odd] }, node: 'each ' });

    await items.keep(lease, item);

    assert.deepEqual(await all(items, lease.id, { node: 'each ' }), [item]);
    assert.deepEqual(await all(items, lease.id), []);
    assert.deepEqual((await store.get(lease.id))?.nodes, []);
    for (const id of ['\0', '\ud800', '\u00e9', ''])
      assert.deepEqual(
        [await items.keep({ ...lease, id }, item), await all(items, id), await all(items, lease.id, { node: id })],
        [false, [], []],
      );
  });
}
