import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { FakeClock } from '../../testing/fake-clock.js';
import { CountedDeadLetterStore } from './counted.store.js';
import { deadLetterRecord } from './dead-letter-store.contract.js';
import { MemoryDeadLetterStore } from './memory.store.js';

let clock: FakeClock;
let inner: MemoryDeadLetterStore & { init?: () => Promise<void> };
let store: CountedDeadLetterStore;

beforeEach(() => {
  clock = new FakeClock();
  inner = new MemoryDeadLetterStore();
  store = new CountedDeadLetterStore(inner, clock);
});

async function exact(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { queue, count } of await inner.count({ status: ['pending', 'redriving', 'poisoned'] })) {
    counts[queue] = (counts[queue] ?? 0) + count;
  }
  return counts;
}

describe('CountedDeadLetterStore', () => {
  it('stays exact through a thousand discards without counting again', async () => {
    const records = Array.from({ length: 1_000 }, (_, i) => deadLetterRecord({ queue: i % 3 === 0 ? 'a' : 'b' }));
    for (const record of records) await store.add(record);
    const counting = jest.spyOn(inner, 'count');

    for (const { id } of records.slice(0, 700)) await store.discard(id, { at: 1 });
    await store.discard(records[0]!.id, { at: 2 });

    expect(counting).not.toHaveBeenCalled();
    expect(store.open).toEqual({ a: 100, b: 200 });
    expect(store.open).toEqual(await exact());
  });

  it('counts a discarded entry where it was in the end: a merged call may have brought it to another queue', async () => {
    const record = deadLetterRecord({ queue: 'a', idempotencyKey: 'k' });
    await inner.add(record);
    await inner.add(deadLetterRecord({ queue: 'b', target: record.target, idempotencyKey: 'k' }));
    await store.init();

    await store.discard(record.id, { at: 1 });

    expect(store.open).toEqual({});
  });

  it('says that an entry is discarded also when the store goes away before it was counted', async () => {
    const record = deadLetterRecord();
    await store.add(record);
    jest.spyOn(inner, 'get').mockRejectedValue(new Error('gone'));

    expect(await store.discard(record.id, { at: 1 })).toBe(true);
  });

  it('forgets no entry that arrives while it counts', async () => {
    await store.init();
    const count = inner.count.bind(inner);
    jest.spyOn(inner, 'count').mockImplementationOnce(async (filter) => {
      const before = await count(filter);
      await store.add(deadLetterRecord({ queue: 'a' }));
      return before;
    });

    await store.recount();

    expect(store.open).toEqual({ a: 1 });
  });
});

describe('CountedDeadLetterStore at boot', () => {
  it('gives up a store that does not answer within 5 s, and opens it when it is used', async () => {
    inner.init = () => new Promise(() => undefined);
    const starting = store.start();

    await clock.advance(5_000);
    await starting;

    expect(store.failure?.message).toBe('the store memory could not be opened within 5000 ms');
    const record = deadLetterRecord({ queue: 'a' });
    await inner.add(record);
    inner.init = () => Promise.resolve();
    expect(await store.get(record.id)).toMatchObject({ id: record.id });
    expect(store.open).toEqual({ a: 1 });
    expect(clock.pending).toBe(0);
  });

  it('begins without a server that is away', async () => {
    inner.init = () => Promise.reject(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }));

    await store.start();

    expect(store.failure).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('does not begin with what no waiting mends', async () => {
    inner.init = () => Promise.reject(new Error("The SQLite file 'x' cannot be opened"));

    await expect(store.start()).rejects.toThrow('cannot be opened');
  });
});
