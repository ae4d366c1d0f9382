import assert from 'node:assert/strict';
import { KEYS_THAT_DIFFER } from '@nest-resilience/core/testing';
import { type ExecutionRecord, NO_TOTALS, type NodeRecord } from '../ledger/execution.js';
import type { ExecutorLease, LeaseNote, LeaseSeen, LeaseTaken } from '../ledger/executor-lease.js';
import {
  type ExecutionEnd,
  type ExecutionLease,
  type ExecutionStore,
  leaseOf,
  type Work,
} from '../ledger/execution-store.js';
import { MemoryExecutionStore } from '../ledger/memory.store.js';
import { toMetrics } from '../ledger/metrics.js';
import { describeItemLedger } from './item-ledger.contract.js';

/** What jest, vitest and node:test have in common. */
export interface TestApi {
  readonly describe: (name: string, body: () => void) => void;
  readonly it: (name: string, body: () => Promise<void>) => void;
}

export interface ExecutionStoreUnderTest {
  /** An empty store. */
  open(): Promise<ExecutionStore> | ExecutionStore;
  /** After each test. */
  close?(): Promise<void> | void;
}

const NOW = 1_800_000_000_000;
let made = 0;

/** A complete execution for tests; later ones have higher ids. */
export function executionRecord(change: Partial<ExecutionRecord> = {}): ExecutionRecord {
  return {
    id: `01900000-0000-7000-8000-${(++made).toString(16).padStart(12, '0')}`,
    workflow: 'triage',
    version: 'v1',
    status: 'running',
    owner: 'me',
    input: { raw: 'text', nested: [1, null, { deep: true }] },
    inputHash: 'hash',
    createdAt: NOW,
    startedAt: NOW,
    resumes: 0,
    degraded: false,
    totals: NO_TOTALS,
    ...change,
  };
}

/** The lease of an execution that was claimed that many times, by that owner. */
export function held(id: string, owner = 'me', fence = 0): ExecutionLease {
  return { id, owner, fence };
}

/** A complete checkpoint for tests. */
export function nodeRecord(node: string, change: Partial<NodeRecord> = {}): NodeRecord {
  return {
    node,
    status: 'succeeded',
    result: { of: node },
    optional: false,
    startedAt: NOW,
    finishedAt: NOW + 5,
    fallbackLevel: 0,
    degraded: false,
    attempts: [{ number: 1, by: node, level: 0, outcome: 'succeeded', actions: [], startedAt: NOW, durationMs: 5 }],
    attemptCount: 1,
    retryCount: 0,
    ...change,
  };
}

function end(change: Partial<ExecutionEnd> = {}): ExecutionEnd {
  return {
    status: 'succeeded',
    output: { done: true },
    degraded: false,
    finishedAt: NOW + 100,
    totals: NO_TOTALS,
    ...change,
  };
}

/**
 * The contract of {@link ExecutionStore} as a suite: every store passes it, yours too.
 * ```ts
 * describeExecutionStore('my store', { describe, it }, { open: () => new MyStore() });
 * ```
 */
export function describeExecutionStore(
  name: string,
  { describe, it }: TestApi,
  subject: ExecutionStoreUnderTest,
): void {
  const test = (sentence: string, body: (store: ExecutionStore) => Promise<void>): void =>
    it(sentence, async () => {
      const store = await subject.open();
      try {
        await store.init?.();
        await body(store);
      } finally {
        await store.close?.();
        await subject.close?.();
      }
    });

  describe(`${name} as an execution store`, () => {
    test('gives back exactly what was stored', async (store) => {
      const record = executionRecord({ idempotencyKey: 'k', joinKey: 'j', deadlineAt: NOW + 9, parentId: 'p' });

      assert.deepEqual(await store.create(record), { execution: record, created: true });

      assert.deepEqual(await store.find(record.id), record);
      assert.deepEqual(await store.get(record.id), { ...record, nodes: [] });
      assert.equal(await store.get('unknown'), undefined);
      assert.equal(await store.find('unknown'), undefined);
    });

    test('leads an idempotency key of a workflow to one execution for ever, a join key while it is unfinished', async (store) => {
      const first = executionRecord({ idempotencyKey: 'k', joinKey: 'j' });
      await store.create(first);

      const sameKey = await store.create(executionRecord({ idempotencyKey: 'k' }));
      const joined = await store.create(executionRecord({ joinKey: 'j' }));
      const elsewhere = await store.create(executionRecord({ idempotencyKey: 'k', workflow: 'other' }));
      await store.finish(held(first.id), end());
      const later = await store.create(executionRecord({ joinKey: 'j' }));
      const again = await store.create(executionRecord({ idempotencyKey: 'k' }));

      assert.deepEqual(
        [sameKey, joined, again].map(({ execution, created }) => [execution.id, created]),
        [
          [first.id, false],
          [first.id, false],
          [first.id, false],
        ],
      );
      assert.deepEqual([elsewhere.created, later.created], [true, true]);
      assert.equal((await store.findByIdempotencyKey('triage', 'k'))?.id, first.id);
      assert.equal(await store.findByIdempotencyKey('triage', 'x'), undefined);
    });

    test('lets nobody write by an older lease, not even its own owner', async (store) => {
      const { id } = executionRecord();
      await store.create(executionRecord({ id }));
      const claim = { owner: 'me', from: ['running'] as const, startedAt: NOW, version: 'v1' };

      const ledger = await store.claim(id, claim);

      assert.equal(ledger?.fence, 1);
      assert.equal(await store.checkpoint(held(id), nodeRecord('a')), false);
      assert.equal(await store.finish(held(id), end()), false);
      assert.equal(await store.checkpoint(leaseOf(ledger), nodeRecord('a')), true);
      assert.equal((await store.claim(id, claim))?.fence, 2);
      assert.equal(await store.finish(leaseOf(ledger), end()), false);
      assert.equal(await store.finish(held(id, 'me', 2), end()), true);
    });

    describeSharedLedger(test);
    describeItemLedger(test, { executionRecord, nodeRecord, end });

    test('creates one execution when the same key is submitted many times at once', async (store) => {
      const results = await Promise.all(
        Array.from({ length: 20 }, () => store.create(executionRecord({ idempotencyKey: 'same' }))),
      );

      assert.equal(results.filter(({ created }) => created).length, 1);
      assert.equal(new Set(results.map(({ execution }) => execution.id)).size, 1);
    });

    test('keeps a checkpoint once, replaces only failed ones, and lists them in the order they were made', async (store) => {
      const { id } = (await store.create(executionRecord())).execution;

      assert.equal(await store.checkpoint(held(id), nodeRecord('b')), true);
      assert.equal(
        await store.checkpoint(
          held(id),
          nodeRecord('a', { status: 'failed', error: { name: 'Error', message: 'no' } }),
        ),
        true,
      );
      assert.equal(await store.checkpoint(held(id), nodeRecord('b', { result: 'second' })), true);
      assert.equal(await store.checkpoint(held(id), nodeRecord('a', { result: 'now' })), true);

      const nodes = (await store.get(id))?.nodes;
      assert.deepEqual(nodes, [nodeRecord('b'), nodeRecord('a', { result: 'now' })]);
    });

    test('answers each of many checkpoints that come at once for itself', async (store) => {
      const mine = await Promise.all(
        Array.from({ length: 10 }, async () => (await store.create(executionRecord())).execution.id),
      );
      const [first = '', ended = ''] = mine;
      await store.finish(held(ended), end());

      const answers = await Promise.all([
        store.checkpoint(held(first), nodeRecord('twice', { status: 'failed' })),
        store.checkpoint(held(first, 'other'), nodeRecord('twice', { result: 'foreign' })),
        store.checkpoint(held(first), nodeRecord('twice', { result: 'kept' })),
        store.checkpoint(held(first), nodeRecord('twice', { result: 'late' })),
        store.checkpoint(held('unknown'), nodeRecord('a')),
        ...mine.flatMap((id) => ['a', 'b', 'c'].map((node) => store.checkpoint(held(id), nodeRecord(node)))),
      ]);

      assert.deepEqual(answers.slice(0, 5), [true, false, true, true, false]);
      assert.deepEqual(
        answers.slice(5).map((kept, index) => [mine[Math.floor(index / 3)], kept]),
        mine.flatMap((id) => ['a', 'b', 'c'].map(() => [id, id !== ended])),
      );
      const nodes = (await store.get(first))?.nodes.map(({ node, result }) => [node, result]);
      assert.deepEqual(nodes?.at(0), ['twice', 'kept']);
      assert.deepEqual(
        nodes?.slice(1).map(([node]) => node),
        ['a', 'b', 'c'],
      );
      assert.deepEqual((await store.get(ended))?.nodes, []);
    });

    test('refuses everything from a process that does not run the execution', async (store) => {
      const { id } = (await store.create(executionRecord())).execution;

      assert.equal(await store.checkpoint(held(id, 'other'), nodeRecord('a')), false);
      assert.equal(await store.finish(held(id, 'other'), end()), false);
      assert.equal(await store.checkpoint(held('unknown'), nodeRecord('a')), false);
      await store.finish(held(id), end());
      assert.equal(await store.checkpoint(held(id), nodeRecord('a')), false);
      assert.equal(await store.finish(held(id), end({ status: 'failed' })), false);

      assert.deepEqual((await store.get(id))?.nodes, []);
      assert.equal((await store.find(id))?.status, 'succeeded');
    });

    test('keeps the version that an execution was moved on from, until it is moved on again', async (store) => {
      const { id } = (await store.create(executionRecord({ movedFrom: 'v0' }))).execution;
      const claim = { owner: 'me', from: ['running'] as const, startedAt: NOW };
      assert.equal((await store.find(id))?.movedFrom, 'v0');

      assert.equal((await store.claim(id, { ...claim, version: 'v1' }))?.movedFrom, 'v0');
      assert.equal((await store.claim(id, { ...claim, version: 'v2', movedFrom: 'v1' }))?.movedFrom, 'v1');
      assert.equal((await store.list({})).items[0]?.movedFrom, 'v1');
    });

    test('hands an execution to a new owner and counts how often it went on', async (store) => {
      const queued = executionRecord({ status: 'queued' });
      const { owner: _, startedAt: __, ...unowned } = queued;
      await store.create(unowned);
      const claim = { owner: 'first', from: ['queued'], startedAt: NOW + 1, version: 'v1' } as const;

      const claimed = await store.claim(queued.id, claim);
      const refused = await store.claim(queued.id, claim);
      const resumed = await store.claim(queued.id, {
        ...claim,
        from: ['running'],
        owner: 'second',
        startedAt: NOW + 2,
        version: 'v2',
        deadlineAt: NOW + 50,
      });

      assert.deepEqual(
        [claimed?.status, claimed?.owner, claimed?.startedAt, claimed?.resumes],
        ['running', 'first', NOW + 1, 0],
      );
      assert.equal(refused, undefined);
      assert.deepEqual(
        [resumed?.owner, resumed?.startedAt, resumed?.resumes, resumed?.version, resumed?.deadlineAt],
        ['second', NOW + 1, 1, 'v2', NOW + 50],
      );
      assert.equal(await store.checkpoint(held(queued.id, 'first'), nodeRecord('a')), false);
      assert.equal(await store.claim('unknown', claim), undefined);
    });

    test('forgets how an execution ended when it goes on', async (store) => {
      const { id } = (await store.create(executionRecord())).execution;
      await store.finish(held(id), end({ status: 'failed', error: { name: 'E', message: 'm' }, deadLetterId: 'd' }));
      const failed = await store.find(id);

      const resumed = await store.claim(id, { owner: 'me', from: ['failed'], startedAt: NOW, version: 'v1' });

      assert.deepEqual(
        [failed?.status, failed?.error?.message, failed?.deadLetterId, failed?.owner],
        ['failed', 'm', 'd', undefined],
      );
      assert.deepEqual(
        [resumed?.status, resumed?.error, resumed?.output, resumed?.finishedAt, resumed?.deadLetterId],
        ['running', undefined, undefined, undefined, 'd'],
      );
    });

    test('if it can reopen: hands an execution over and forgets nodes, both or neither', async (store) => {
      if (!store.reopen) return;
      const { id } = (await store.create(executionRecord())).execution;
      for (const node of ['a', 'b', 'c']) await store.checkpoint(held(id), nodeRecord(node));
      await store.finish(held(id), end());
      const claim = { owner: 'next', from: ['succeeded'], startedAt: NOW + 5, version: 'v2' } as const;

      const refused = await store.reopen(id, { ...claim, from: ['failed'] }, ['a']);
      const before = await store.get(id);
      const reopened = await store.reopen(id, claim, ['b', 'c', 'unknown']);
      const again = await store.reopen(id, claim, ['a']);

      assert.deepEqual([refused, again], [undefined, undefined]);
      assert.equal(before?.nodes.length, 3);
      assert.deepEqual(
        [reopened?.status, reopened?.owner, reopened?.version, reopened?.resumes, reopened?.output],
        ['running', 'next', 'v2', 1, undefined],
      );
      assert.deepEqual(reopened?.nodes, [nodeRecord('a')]);
      assert.equal(await store.checkpoint(leaseOf(reopened), nodeRecord('b', { result: 'new' })), true);
      assert.deepEqual((await store.get(id))?.nodes, [nodeRecord('a'), nodeRecord('b', { result: 'new' })]);
    });

    test('if it can prune: removes ended executions of before a time, oldest first, with their checkpoints and keys', async (store) => {
      if (!store.prune) return;
      const ids: string[] = [];
      for (let i = 1; i <= 4; i++) {
        const { id } = (await store.create(executionRecord({ idempotencyKey: `k${i}` }))).execution;
        await store.checkpoint(held(id), nodeRecord('a'));
        if (i < 4) await store.finish(held(id), end({ finishedAt: NOW + i }));
        ids.push(id);
      }

      assert.equal(await store.prune(NOW + 3, 1), 1);
      assert.equal(await store.get(ids[0]!), undefined);
      assert.equal(await store.prune(NOW + 3, 10), 1);

      assert.deepEqual(
        (await store.list({})).items.map(({ id }) => id),
        [ids[3], ids[2]],
      );
      assert.equal((await store.get(ids[2]!))?.nodes.length, 1);
      assert.equal((await store.create(executionRecord({ idempotencyKey: 'k1' }))).created, true);
    });

    test('cancels what has not ended, whoever runs it', async (store) => {
      const running = (await store.create(executionRecord({ joinKey: 'j' }))).execution;
      const done = (await store.create(executionRecord())).execution;
      await store.finish(held(done.id), end());

      assert.equal(await store.cancel(running.id, { finishedAt: NOW + 3 }), true);
      assert.equal(await store.cancel(running.id, { finishedAt: NOW + 4 }), false);
      assert.equal(await store.cancel(done.id, { finishedAt: NOW + 3 }), false);
      assert.equal(await store.cancel('unknown', { finishedAt: NOW }), false);

      const cancelled = await store.find(running.id);
      assert.deepEqual(
        [cancelled?.status, cancelled?.finishedAt, cancelled?.joinKey],
        ['cancelled', NOW + 3, undefined],
      );
      assert.equal(await store.checkpoint(held(running.id), nodeRecord('a')), false);
    });

    test('amends a failed node after the run, and no other', async (store) => {
      const { id } = (await store.create(executionRecord())).execution;
      await store.checkpoint(held(id), nodeRecord('bad', { status: 'failed', optional: true }));
      await store.checkpoint(held(id), nodeRecord('good'));
      await store.finish(held(id), end());

      assert.equal(await store.amend(id, nodeRecord('bad', { result: 'late' })), true);
      assert.equal(await store.amend(id, nodeRecord('good', { result: 'late' })), false);
      assert.equal(await store.amend(id, nodeRecord('none')), false);

      assert.deepEqual(
        (await store.get(id))?.nodes.map(({ result }) => result),
        ['late', { of: 'good' }],
      );
    });

    test('pages newest first, by workflow and status', async (store) => {
      const ids: string[] = [];
      for (let i = 0; i < 7; i++)
        ids.unshift((await store.create(executionRecord({ workflow: i % 2 ? 'odd' : 'even' }))).execution.id);
      await store.cancel(ids[0]!, { finishedAt: NOW });

      const first = await store.list({ limit: 3 });
      const second = await store.list({ limit: 3, cursor: first.nextCursor! });
      const third = await store.list({ limit: 3, cursor: second.nextCursor! });

      assert.deepEqual(
        [first, second, third].map(({ items }) => items.map(({ id }) => id)),
        [ids.slice(0, 3), ids.slice(3, 6), ids.slice(6)],
      );
      assert.equal(third.nextCursor, null);
      assert.equal((await store.list({ workflow: 'odd' })).items.length, 3);
      assert.deepEqual(
        (await store.list({ status: 'cancelled' })).items.map(({ id }) => id),
        [ids[0]],
      );
      assert.equal((await store.list({ workflow: 'even', status: 'running' })).items.length, 3);
      assert.equal((await store.list({ limit: 7 })).nextCursor, null);
    });

    test('pages through large executions, with their values or without', async (store) => {
      const input = { text: 'ä"\\'.repeat(400_000) };
      const ids: string[] = [];
      for (let n = 0; n < 5; n++) {
        const { execution } = await store.create(executionRecord({ input }));
        await store.finish(held(execution.id), end({ output: input }));
        ids.unshift(execution.id);
      }

      for (const summaries of [true, false]) {
        const seen = [];
        let cursor: string | undefined;
        do {
          const page = await store.list({ limit: 4, ...(cursor !== undefined && { cursor }) }, { summaries });
          assert.ok(page.items.length > 0);
          seen.push(...page.items);
          cursor = page.nextCursor ?? undefined;
        } while (cursor !== undefined);

        assert.deepEqual(
          seen.map(({ id }) => id),
          ids,
        );
        for (const item of summaries ? [] : seen) assert.deepEqual([item.input, item.output], [input, input]);
      }
    });

    test('gives the nodes of a large ledger in the order in which they came', async (store) => {
      const { execution } = await store.create(executionRecord());
      const names = Array.from({ length: 40 }, (_, n) => `n${(n * 7) % 40}`);
      for (const name of names)
        await store.checkpoint(held(execution.id), nodeRecord(name, { result: { name, text: 'x'.repeat(300_000) } }));

      const ledger = await store.get(execution.id);

      assert.deepEqual(
        ledger?.nodes.map(({ node, result }) => [node, (result as { name: string }).name]),
        names.map((name) => [name, name]),
      );
    });

    test('names what a booting process has to take up, oldest first and without children', async (store) => {
      const running = (await store.create(executionRecord())).execution;
      const queued = (await store.create(executionRecord({ status: 'queued' }))).execution;
      const done = (await store.create(executionRecord())).execution;
      await store.create(executionRecord({ parentId: running.id }));
      await store.finish(held(done.id), end());

      assert.deepEqual(
        await store.unfinished(),
        [running, queued].map(({ id, workflow }) => ({ id, workflow })),
      );
    });

    test('keeps texts in JSON as they are, also those that not every database keeps', async (store) => {
      const odd = 'a\0b\ud800c\udc00 \u{1f600}';
      const { execution } = await store.create(executionRecord({ input: { [odd]: odd }, idempotencyKey: odd }));
      const error = { name: odd, message: odd };
      await store.checkpoint(held(execution.id), nodeRecord('a', { result: { [odd]: [odd] }, error }));
      await store.finish(held(execution.id), end({ status: 'failed', output: odd, error }));

      const ledger = (await store.get(execution.id))!;

      assert.deepEqual([ledger.input, ledger.output, ledger.error], [{ [odd]: odd }, odd, error]);
      assert.deepEqual([ledger.nodes[0]?.result, ledger.nodes[0]?.error], [{ [odd]: [odd] }, error]);
      assert.equal((await store.findByIdempotencyKey(execution.workflow, odd))?.id, execution.id);
      assert.equal((await store.create(executionRecord({ idempotencyKey: odd }))).created, false);
    });

    test('compares keys, ids and names of workflows byte by byte', async (store) => {
      const ids: string[] = [];
      for (const idempotencyKey of KEYS_THAT_DIFFER) {
        const { execution, created } = await store.create(executionRecord({ idempotencyKey }));
        assert.equal(created, true, JSON.stringify(idempotencyKey));
        ids.push(execution.id);
      }
      for (const [index, idempotencyKey] of KEYS_THAT_DIFFER.entries()) {
        assert.equal((await store.create(executionRecord({ idempotencyKey }))).execution.id, ids[index]);
        assert.equal((await store.findByIdempotencyKey('triage', idempotencyKey))?.id, ids[index]);
      }
      assert.equal((await store.create(executionRecord({ joinKey: 'j' }))).created, true);
      assert.equal((await store.create(executionRecord({ joinKey: 'j ' }))).created, true);
      assert.equal((await store.create(executionRecord({ workflow: 'triage ', idempotencyKey: 'k' }))).created, true);
      assert.equal((await store.list({ workflow: 'triage ' })).items.length, 1);
      assert.equal(toMetrics('triage ', await store.sums('triage ')).total, 1);
      assert.equal(await store.find(`${ids[0]} `), undefined);
      assert.equal(await store.checkpoint(held(`${ids[0]} `), nodeRecord('a')), false);
      await store.checkpoint(held(ids[0]!), nodeRecord('a'));
      await store.checkpoint(held(ids[0]!), nodeRecord('a '));
      assert.deepEqual(
        (await store.get(ids[0]!))?.nodes.map(({ node }) => node),
        ['a', 'a '],
      );
    });

    test('knows no execution, workflow or page by an id that is no ASCII', async (store) => {
      await store.create(executionRecord());
      const claim = { owner: 'me', from: ['running'], startedAt: NOW, version: 'v1' } as const;

      for (const id of ['\0', 'a\0b', '\ud800', '\u00e9', '\u{1f600}', '']) {
        assert.equal(await store.get(id), undefined);
        assert.equal(await store.find(id), undefined);
        assert.equal(await store.findByIdempotencyKey(id, id), undefined);
        assert.equal(await store.claim(id, claim), undefined);
        assert.equal(await store.reopen?.(id, claim, ['a']), undefined);
        assert.equal(await store.checkpoint(held(id), nodeRecord('a')), false);
        assert.equal(await store.finish(held(id), end()), false);
        assert.equal(await store.cancel(id, { finishedAt: NOW }), false);
        assert.equal(await store.amend(id, nodeRecord('a')), false);
        assert.deepEqual((await store.list({ workflow: id })).items, []);
        assert.equal((await store.sums(id)).nodes, 0);
        if (id !== '') assert.equal((await store.list({ cursor: id })).items.length, 1);
      }
    });
    const me = { owner: 'me', host: 'here', pid: 1, life: 'a' };
    const other = { owner: 'other', host: 'there', pid: 2 };
    const leased = (sentence: string, body: (store: ExecutionStore, lease: ExecutorLease) => Promise<void>): void =>
      test(sentence, async (store) => (store.lease ? body(store, store.lease) : undefined));
    const seenBy = async (lease: ExecutorLease): Promise<LeaseSeen> => {
      const seen = await lease.take(other, 10_000);
      if (seen.held) throw new Error('it was to be had');
      return seen;
    };

    leased('gives the lease to one, until it is given back', async (_store, lease) => {
      const takers = Array.from({ length: 5 }, (_, i) => lease.take({ owner: `p${i}`, host: 'here', pid: i }, 10_000));
      const winners = (await Promise.all(takers)).filter(({ held }) => held);
      assert.equal(winners.length, 1);
      assert.deepEqual(winners[0], { held: true, afterCrash: false, unexplained: 0 });
      for (let i = 0; i < 5; i++) await lease.release(`p${i}`);

      await lease.take(me, 10_000);
      const { holder, since, leftMs } = await seenBy(lease);
      assert.deepEqual(holder, me);
      assert.ok(Math.abs(since - Date.now()) < 60_000 && leftMs > 0 && leftMs <= 10_000);
      assert.deepEqual([await lease.renew('me', 10_000), await lease.renew('other', 10_000)], [true, false]);
      await lease.release('other');
      await seenBy(lease);
      await lease.release('me');
      assert.equal((await lease.take(other, 10_000)).held, true);
    });

    leased(
      'gives a lease away that nobody renewed since it was seen, and tells a crash from an orderly end',
      async (store, lease) => {
        const { id } = (await store.create(executionRecord())).execution;
        await lease.take(me, 10_000);
        const seen = await seenBy(lease);
        await lease.renew('me', 10_000);
        assert.equal((await lease.take(other, 10_000, seen)).held, false);

        assert.deepEqual(await lease.take(other, 10_000, await seenBy(lease)), {
          held: true,
          afterCrash: true,
          unexplained: 0,
        });

        assert.equal(await lease.renew('me', 10_000), false);
        assert.equal((await store.find(id))?.crashes, 1);
        assert.equal(
          await store.claim(id, { owner: 'me', from: ['running'], startedAt: NOW, version: 'v1' }),
          undefined,
        );
        assert.equal(
          (await store.claim(id, { owner: 'other', from: ['running'], startedAt: NOW, version: 'v1' }))?.crashes,
          1,
        );
      },
    );

    leased(
      'puts a crash down to the one that was alone, the first suspicion to all that ran, and none to a process that left',
      async (store, lease) => {
        const [alone, beside] = [
          (await store.create(executionRecord())).execution,
          (await store.create(executionRecord())).execution,
        ];
        const crashes = async () => [(await store.find(alone.id))?.crashes, (await store.find(beside.id))?.crashes];
        const crash = async (note: LeaseNote) => {
          await lease.take(me, 10_000);
          await lease.note('me', note);
          const taken = await lease.take(other, 10_000, await seenBy(lease));
          await lease.release('other');
          return taken;
        };

        await crash({ leaving: true });
        assert.deepEqual(await crashes(), [undefined, undefined]);
        await crash({});
        assert.deepEqual(await crashes(), [1, 1]);
        assert.deepEqual(await crash({ suspect: alone.id, alone: true }), {
          ...{ held: true, afterCrash: true, unexplained: 0 },
        });
        assert.deepEqual(await crashes(), [2, 1]);
        const others = (await crash({ suspect: beside.id, unexplained: 1 })) as LeaseTaken;
        assert.deepEqual([others.suspect, others.unexplained], [beside.id, 2]);
        assert.deepEqual(await crashes(), [2, 2]);
        await crash({ suspect: beside.id });
        assert.deepEqual(await crashes(), [2, 2]);
        assert.deepEqual(
          (await store.unfinished()).map((left) => left.crashes),
          [2, 2],
        );
      },
    );

    leased(
      'forgets crashes with a checkpoint that will not be made again, and where a claim asks for it',
      async (store, lease) => {
        const { id } = (await store.create(executionRecord())).execution;
        const crash = async () => {
          await lease.take(other, 10_000);
          await lease.take(me, 10_000, { ...(await lease.take(me, 10_000)) } as LeaseSeen);
        };
        await crash();
        await store.checkpoint(held(id), nodeRecord('a', { status: 'failed' }));
        assert.equal((await store.find(id))?.crashes, 1);
        await store.checkpoint(held(id), nodeRecord('a'));
        assert.equal((await store.find(id))?.crashes, undefined);

        await lease.release('me');
        await crash();
        const claim = { owner: 'me', from: ['running'], startedAt: NOW, version: 'v1' } as const;
        assert.equal((await store.claim(id, claim))?.crashes, 1);
        assert.equal((await store.claim(id, { ...claim, absolve: true }))?.crashes, undefined);

        await lease.release('me');
        await crash();
        assert.equal((await store.find(id))?.crashes, 1);
        await store.finish(leaseOf((await store.find(id))!), end());
        assert.equal((await store.find(id))?.crashes, undefined);
      },
    );

    test('counts each execution as it stands, whatever it went through before', async (store) => {
      // What it comes to is known: the store in memory counts its executions one by one.
      const model = new MemoryExecutionStore();
      const ids: string[] = [];
      let random = 7;
      const below = (limit: number) => (random = (random * 48_271) % 2_147_483_647) % limit;
      const both = async (act: (each: ExecutionStore) => Promise<unknown>) => {
        const [answer, expected] = [await act(store), await act(model)];
        assert.deepEqual(Boolean(answer), Boolean(expected));
      };
      const oneOf = () => ids[below(ids.length)] ?? 'none';
      const steps = [
        async () => {
          const status = below(2) === 0 ? 'queued' : 'running';
          const record = executionRecord({ workflow: below(4) === 0 ? 'other' : 'triage', status });
          ids.push(record.id);
          await both((each) => each.create(record));
        },
        async (id = oneOf()) => {
          const from = (['queued', 'failed', 'succeeded', 'cancelled'] as const).slice(below(4));
          await both((each) => each.claim(id, { owner: 'me', from, startedAt: NOW, version: 'v1' }));
        },
        async (id = oneOf(), owner = below(9) === 0 ? 'other' : 'me') => {
          const [attempts, retries, fallbacks] = [2 + below(3), below(2), below(2)];
          const totals = {
            nodes: 2,
            attempts,
            retries,
            fallbacks,
            inputTokens: below(99),
            outputTokens: 5,
            costUsd: 0.25,
          };
          const how = { status: below(3) === 0 ? 'failed' : 'succeeded', degraded: below(2) === 0 } as const;
          const ended = end({ ...how, totals, finishedAt: NOW + below(3_000) });
          const { fence } = (await model.find(id)) ?? {};
          await both((each) => each.finish(held(id, owner, fence), ended));
        },
        async (id = oneOf()) => {
          if (below(3) === 0) await both((each) => each.cancel(id, { finishedAt: NOW + 50 }));
          else if (store.reopen)
            await both(async (each) =>
              each.reopen?.(id, { owner: 'me', from: ['failed', 'succeeded'], startedAt: NOW, version: 'v1' }, ['a']),
            );
        },
        async (before = NOW + below(200)) => {
          if (store.prune) await both(async (each) => each.prune?.(before, 1_000));
        },
      ];

      for (let step = 0; step < 400; step++) {
        await steps[step % 60 === 0 ? 4 : [0, 0, 1, 2, 2, 2, 3][below(7)]!]!();
        if (step % 20 > 0) continue;
        for (const workflow of ['triage', 'other'])
          assert.deepEqual(
            toMetrics(workflow, await store.sums(workflow)),
            toMetrics(workflow, await model.sums(workflow)),
          );
      }
      assert.ok(toMetrics('triage', await model.sums('triage')).successful > 10);
    });

    test('ends many executions at once, and answers each for itself', async (store) => {
      const ids: string[] = [];
      for (let i = 0; i < 30; i++) ids.push((await store.create(executionRecord())).execution.id);

      const answers = await Promise.all([
        ...ids.map((id, i) => store.finish(held(id, i % 10 === 9 ? 'other' : 'me'), end({ finishedAt: NOW + i }))),
        store.finish(held(ids[0]!), end({ status: 'failed' })),
        store.finish(held('unknown'), end()),
      ]);

      assert.deepEqual(answers, [...ids.map((_, i) => i % 10 !== 9), false, false]);
      const { successful, failed, running } = toMetrics('triage', await store.sums('triage'));
      assert.deepEqual([successful, failed, running], [27, 0, 3]);
    });

    test('tells no cost of tokens of which nobody knows the price', async (store) => {
      const { costUsd: _, ...unpriced } = { ...NO_TOTALS, nodes: 1, inputTokens: 10, outputTokens: 4 };
      for (const totals of [NO_TOTALS, unpriced]) {
        const { id } = (await store.create(executionRecord())).execution;
        await store.finish(held(id), end({ totals }));

        assert.deepEqual((await store.get(id))?.totals, totals);
      }

      assert.ok(!('costUsd' in toMetrics('triage', await store.sums('triage'))));
    });

    test('counts metrics per execution, never per attempt', async (store) => {
      const totals = {
        nodes: 2,
        attempts: 5,
        retries: 3,
        fallbacks: 0,
        inputTokens: 10,
        outputTokens: 4,
        costUsd: 0.5,
      };
      for (let i = 1; i <= 4; i++) {
        const { id } = (await store.create(executionRecord())).execution;
        const how =
          i === 4
            ? { status: 'failed', totals: NO_TOTALS }
            : { degraded: i === 2, totals: { ...totals, retries: i === 1 ? 3 : 0, fallbacks: i === 2 ? 2 : 0 } };
        await store.finish(held(id), end({ finishedAt: NOW + i * 100, ...(how as Partial<ExecutionEnd>) }));
      }
      await store.create(executionRecord({ status: 'queued' }));
      await store.create(executionRecord({ workflow: 'other' }));

      assert.deepEqual(toMetrics('triage', await store.sums('triage')), {
        workflow: 'triage',
        ...{ total: 5, queued: 1, running: 0, successful: 3, failed: 1, cancelled: 0 },
        ...{ successRate: 0.75, retryRate: 0.25, averageAttempts: 2.5, fallbackRate: 0.25, degradedRate: 0.25 },
        ...{ p50: 200, p95: 400, inputTokens: 30, outputTokens: 12, costUsd: 1.5 },
      });
      const nothing = toMetrics('unknown', await store.sums('unknown'));
      assert.deepEqual(
        [nothing.total, nothing.successRate, nothing.averageAttempts, nothing.p50, nothing.costUsd],
        [0, null, null, null, 0],
      );
    });
  });
}

/** Some of the ledger's time passes: leases of so few milliseconds are over, whatever clock they go by. */
async function untilOver(store: ExecutionStore, id: string): Promise<void> {
  while (!(await store.shared!.due(500, 0)).some((work) => work.id === id));
}

function describeSharedLedger(test: (sentence: string, body: (store: ExecutionStore) => Promise<void>) => void): void {
  const claim = (owner: string, leaseMs: number) => ({
    ...{ owner, from: ['queued', 'running'] as const, startedAt: NOW, version: 'v1', leaseMs },
  });
  const long = 3_600_000;
  /** Of a store that serves one process there is nothing to say. */
  const sharedTest = (sentence: string, body: (store: ExecutionStore) => Promise<void>): void =>
    test(sentence, async (store) => (store.shared ? body(store) : undefined));
  const waiting = async (store: ExecutionStore, change: Partial<ExecutionRecord> = {}, dueMs = 0): Promise<string> => {
    const { owner: _, startedAt: __, ...record } = executionRecord({ status: 'queued', ...change });
    await store.create(record, { dueMs });
    return record.id;
  };

  sharedTest('gives an execution to one of those that claim it at once', async (store) => {
    const ids = await Promise.all(Array.from({ length: 20 }, () => waiting(store)));

    const claims = await Promise.all(
      ids.flatMap((id) => Array.from({ length: 5 }, (_, racer) => store.claim(id, claim(`r${racer}`, long)))),
    );

    const won = claims.flatMap((ledger) => (ledger ? [ledger] : []));
    assert.deepEqual(won.map(({ id }) => id).sort(), [...ids].sort());
    assert.ok(won.every(({ fence, crashes }) => fence === 1 && crashes === undefined));
  });

  sharedTest('leaves an execution to its owner until the lease is over, and counts a crash then', async (store) => {
    const id = await waiting(store);
    await store.claim(id, claim('first', long));
    assert.equal(await store.claim(id, claim('second', long)), undefined);
    const own = await store.claim(id, claim('first', 1));
    assert.deepEqual([own?.fence, own?.crashes, own?.resumes], [2, undefined, 1]);
    await untilOver(store, id);

    const taken = await store.claim(id, claim('second', long));

    assert.deepEqual([taken?.owner, taken?.fence, taken?.crashes, taken?.resumes], ['second', 3, 1, 2]);
    assert.equal(await store.checkpoint(leaseOf(own!), nodeRecord('a')), false);
    assert.equal(await store.finish(leaseOf(own!), end()), false);
    assert.equal(await store.checkpoint(leaseOf(taken!), nodeRecord('a')), true);
    assert.equal((await store.find(id))?.crashes, undefined);
  });

  sharedTest('renews what is held and says what is not', async (store) => {
    const [kept, cancelled, ended, taken] = [
      await waiting(store),
      await waiting(store),
      await waiting(store),
      await waiting(store),
    ];
    const leases = [];
    for (const id of [kept, cancelled, ended]) leases.push(leaseOf((await store.claim(id, claim('me', long)))!));
    leases.push(leaseOf((await store.claim(taken, claim('me', 1)))!));
    await untilOver(store, taken);
    await store.claim(taken, claim('other', long));
    await store.cancel(cancelled, { finishedAt: NOW });
    await store.finish(leases[2]!, end());

    const lost = await store.shared!.renew([...leases, held('unknown')], long);

    assert.deepEqual([...lost].sort(), [cancelled, ended, taken, 'unknown'].sort());
    assert.deepEqual(await store.shared!.renew([], long), []);
    assert.deepEqual(await store.shared!.due(10, 0), []);
  });

  sharedTest('gives back what is released, to anybody and at once, and blames it for nothing', async (store) => {
    const [id, foreign] = [await waiting(store), await waiting(store)];
    const child = await waiting(store, { parentId: id });
    const mine = [];
    for (const each of [id, child]) mine.push(leaseOf((await store.claim(each, claim('me', long)))!));
    await store.claim(foreign, claim('other', long));

    const released = await store.shared!.release([...mine, held(foreign, 'me', 1)]);

    const work: Work = { id, workflow: 'triage', version: 'v1', fence: 1, lane: 'default', priority: 0 };
    assert.deepEqual(released, [work]);
    assert.deepEqual([(await store.find(id))?.status, (await store.find(child))?.status], ['queued', 'queued']);
    assert.equal((await store.find(foreign))?.status, 'running');
    assert.equal(await store.finish(mine[0]!, end()), false);
    const next = await store.claim(id, claim('next', long));
    assert.deepEqual([next?.fence, next?.crashes, next?.resumes], [2, undefined, 0]);
  });

  sharedTest('says what is due, oldest first, and what waits not again for a while', async (store) => {
    const old = await waiting(store);
    await untilOver(store, old);
    const [late, never] = [await waiting(store, {}, long), executionRecord({ status: 'queued' })];
    await store.create(never);
    await waiting(store, { parentId: 'p' });
    const crashed = await waiting(store);
    await store.claim(crashed, claim('me', 1));
    await untilOver(store, crashed);

    const due = await store.shared!.due(10, long);
    const again = await store.shared!.due(10, long);
    await store.shared!.adopt(0);
    const adopted = await store.shared!.due(10, long);
    await store.shared!.requeue();
    await untilOver(store, late);

    assert.deepEqual(due.map(({ id }) => id).sort(), [old, crashed].sort());
    assert.deepEqual(
      again.map(({ id }) => id),
      [crashed],
    );
    assert.deepEqual(adopted.map(({ id }) => id).sort(), [never.id, crashed].sort());
    const all = await store.shared!.due(10, long);
    assert.deepEqual(all.map(({ id }) => id).sort(), [old, late, never.id, crashed].sort());
    assert.equal((await store.shared!.due(1, long)).length, 1);
    assert.equal(await store.shared!.waiting(), 3);
  });

  sharedTest('keeps the first source of a version, and knows who is there', async (store) => {
    const shared = store.shared!;
    const replica = { id: 'r1', startedAt: NOW, versions: ['triage@v1'], running: 1, capacity: 50 };
    await shared.keepDefinition('triage', 'v1', 'name: triage');
    await shared.keepDefinition('triage', 'v1', 'another');

    const before = await shared.announce(replica);
    await shared.announce({ ...replica, id: 'r2' });
    const seen = await shared.announce({ ...replica, running: 2 });

    assert.equal(await shared.definition('triage', 'v1'), 'name: triage');
    assert.equal(await shared.definition('triage', 'v2'), undefined);
    assert.deepEqual(before, []);
    assert.deepEqual(
      seen.map(({ silentMs: _, ...each }) => each),
      [replica, { ...replica, id: 'r2' }],
    );
    assert.ok(seen.every(({ silentMs }) => silentMs >= 0));
  });
}
