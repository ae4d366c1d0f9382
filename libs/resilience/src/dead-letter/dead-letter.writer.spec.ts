import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { FakeClock } from '../testing/fake-clock.js';
import { deadLetterRecord } from './store/dead-letter-store.contract.js';
import type { DeadLetterRecord } from './dead-letter.entry.js';
import type { DeadLetterAdded } from './store/dead-letter.store.js';
import type { DeadLetterWriterOptions } from './dead-letter.writer.options.js';
import { DeadLetterWriter } from './dead-letter.writer.js';
import { MemoryDeadLetterStore } from './store/memory.store.js';

/** What `add` does is up to each test. */
class ScriptedStore extends MemoryDeadLetterStore {
  before: (record: DeadLetterRecord) => Promise<void> | void = () => undefined;
  asked: () => Promise<void> | void = () => undefined;

  override async add(record: DeadLetterRecord): Promise<DeadLetterAdded> {
    await this.before(record);
    return super.add(record);
  }

  override async get(id: string) {
    await this.asked();
    return super.get(id);
  }
}

const down = (): never => {
  throw new Error('down');
};
const hang = (): Promise<never> => new Promise(() => undefined);

let directory: string;
let clock: FakeClock;
let store: ScriptedStore;
let log: { warn: jest.Mock<(message: string) => void>; error: jest.Mock<(message: string) => void> };

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'writer-'));
  clock = new FakeClock();
  store = new ScriptedStore();
  log = { warn: jest.fn(), error: jest.fn() };
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function newWriter(options: Partial<DeadLetterWriterOptions> = {}): DeadLetterWriter {
  return new DeadLetterWriter({ store, clock, log, spillDirectory: directory, ...options });
}

/** As an earlier process left it. */
function spilled(...records: readonly DeadLetterRecord[]): void {
  const lines = records.map((record) => `${JSON.stringify(record)}\n`).join('');
  writeFileSync(join(directory, 'spill-a.ndjson'), lines);
}

/** Files are read and written meanwhile: events of the real world, which no fake clock moves. */
async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}

describe('a writer whose store could not be opened', () => {
  it('lets no call wait for it, and tries it again a second later', async () => {
    const writer = newWriter({ failure: new Error('no connection') });
    await writer.start();
    const record = deadLetterRecord();

    const written = await writer.write(record);

    expect([written, clock.now(), writer.degraded]).toEqual([{ kept: 'spill', id: record.id }, 0, true]);
    expect(log.error).toHaveBeenCalledWith(expect.stringContaining('no connection'));
    await clock.advance(1_000);
    await eventually(() => !writer.degraded);
    expect(await store.get(record.id)).toMatchObject({ id: record.id });
  });
});

describe('a writer that starts', () => {
  it('waits 5 s at most for what an earlier process left, and reads on beside the application', async () => {
    let answer: () => void = () => undefined;
    store.before = () => new Promise((resolve) => (answer = resolve));
    const records = [deadLetterRecord(), deadLetterRecord()];
    spilled(...records);
    const writer = newWriter({ storeTimeoutMs: 60_000 });
    let started = false;
    const starting = writer.start().then(() => (started = true));

    await clock.advance(4_999);
    expect(started).toBe(false);
    await clock.advance(1);
    await starting;

    store.before = () => undefined;
    // The file is opened outside of the fake clock.
    await eventually(async () => {
      answer();
      return (await store.count())[0]?.count === 2;
    });
    expect(writer.degraded).toBe(false);
  });
});

describe('a writer that closes', () => {
  it('gives a store that hangs 5 s and leaves the spill to the next process', async () => {
    store.before = down;
    const writer = newWriter();
    await writer.write(deadLetterRecord());
    store.before = hang;

    const closing = writer.close();
    await clock.advance(5_000);
    await closing;

    expect(clock.now()).toBe(5_000);
    expect(readdirSync(directory)).toHaveLength(1);
  });
});

describe('a writer that closes without a directory', () => {
  it('leaves nothing in memory that came while it was reading', async () => {
    store.before = down;
    const writer = newWriter({ spillDirectory: undefined });
    await writer.write(deadLetterRecord());
    const late = deadLetterRecord();
    store.before = async () => {
      store.before = () => undefined;
      await writer.write(late);
    };

    void writer.readBack();
    await writer.close();

    expect(await store.get(late.id)).toBeDefined();
  });
});

describe('a writer whose spill fails', () => {
  it('goes on giving entries to a store that works', async () => {
    mkdirSync(join(directory, 'unreadable.claimed'));
    const writer = newWriter();
    const record = deadLetterRecord();

    await writer.start();
    const written = await writer.write(record);

    expect([written, writer.degraded]).toEqual([{ kept: 'store', id: record.id, merged: false }, false]);
    expect(log.error).toHaveBeenCalledWith(expect.stringMatching(/spill.*EISDIR/));
    await writer.close();
  });

  it('asks a store that failed before, rather than lose an entry', async () => {
    const file = join(directory, 'file');
    writeFileSync(file, '');
    const writer = newWriter({ spillDirectory: join(file, 'below'), failure: new Error('down') });
    const record = deadLetterRecord();

    const written = await writer.write(record);

    expect(written).toEqual({ kept: 'store', id: record.id, merged: false });
    await writer.close();
  });
});

describe('a writer that reads back', () => {
  it('does not leave behind what came while it was reading', async () => {
    store.before = down;
    const writer = newWriter();
    await writer.write(deadLetterRecord());
    const late = deadLetterRecord();
    store.before = async () => {
      store.before = () => undefined;
      // The circuit is still open: this goes to a file that the run has not claimed.
      await writer.write(late);
    };

    await writer.readBack();
    expect([writer.degraded, await store.get(late.id)]).toEqual([false, undefined]);
    await clock.advance(1_000);

    await eventually(() => readdirSync(directory).length === 0);
    expect(await store.get(late.id)).toBeDefined();
  });

  it('gives up a store that never answers whether it is there, and asks again', async () => {
    const writer = newWriter({ failure: new Error('down') });
    store.asked = hang;

    const reading = writer.readBack();
    await eventually(() => clock.pending > 0);
    await clock.advance(5_000);
    await reading;
    store.asked = () => undefined;
    await writer.readBack();

    expect(writer.degraded).toBe(false);
  });

  it('counts a call with an idempotency key once, however often its file is read', async () => {
    const key = { target: 'A.b', idempotencyKey: 'k' };
    const older = deadLetterRecord(key);
    await store.add(older);
    // Two that get no answer end a run, and the file stays as it is.
    spilled(deadLetterRecord(key), deadLetterRecord({ queue: 'bad' }), deadLetterRecord({ queue: 'bad' }));
    store.before = ({ queue }) => (queue === 'bad' ? hang() : undefined);
    const writer = newWriter();

    for (let reads = 1; reads <= 2; reads++) {
      let done = false;
      void writer.readBack().then(() => (done = true));
      await eventually(async () => {
        if (!done) await clock.advance(100);
        return done;
      });
    }
    expect(readdirSync(directory)).toEqual([expect.stringContaining('.claimed')]);

    expect(await store.get(older.id)).toMatchObject({ occurrences: 2 });
  });
});

describe('an entry that the store took late', () => {
  it('is no sign that the store takes others now', async () => {
    const writer = newWriter();
    const [slow, other] = [deadLetterRecord(), deadLetterRecord()];
    let answer: () => void = () => undefined;
    store.before = () => new Promise((resolve) => (answer = resolve));
    const writing = writer.write(slow);
    await eventually(() => clock.pending > 0);
    store.before = down;
    await writer.write(other);
    await clock.advance(30);
    await writing;

    answer();
    await eventually(async () => (await store.get(slow.id)) !== undefined);
    await writer.readBack();

    expect([writer.degraded, await writer.countRefused()]).toEqual([true, 0]);
    await writer.close();
  });
});

describe('entries that the store refuses', () => {
  beforeEach(() => {
    store.before = ({ queue }) => {
      if (queue === 'bad') throw new Error('too large');
    };
  });

  it.each([
    ['before', ['bad', 'good', 'good']],
    ['between', ['good', 'bad', 'bad', 'good']],
  ])('are set aside when they stand %s others', async (_, queues) => {
    const records = queues.map((queue) => deadLetterRecord({ queue }));
    spilled(...records);
    const writer = newWriter();

    await writer.readBack();

    const bad = records.filter(({ queue }) => queue === 'bad').map(({ id }) => `${id}.refused`);
    expect(readdirSync(directory).sort()).toEqual(bad.sort());
    expect(await store.count()).toMatchObject([{ queue: 'good', count: queues.length - bad.length }]);
    expect([writer.degraded, await writer.countRefused()]).toEqual([false, bad.length]);
    expect(log.error).toHaveBeenLastCalledWith(
      expect.stringMatching(/refused by the store memory.*too large.*\.refused/),
    );
  });

  it('stay in the spill while nothing proves that the store takes others', async () => {
    const [good, bad] = [deadLetterRecord({ queue: 'good' }), deadLetterRecord({ queue: 'bad' })];
    spilled(good, bad);
    const writer = newWriter();

    await writer.readBack();

    expect(await store.get(good.id)).toBeDefined();
    expect(readdirSync(directory)).toEqual([expect.stringMatching(/^spill-.*\.ndjson$/)]);
    expect([writer.degraded, await writer.countRefused()]).toEqual([true, 0]);
    await writer.close();
  });

  it('are not what a store that goes away meanwhile leaves: another answer the second time is no refusal', async () => {
    let calls = 0;
    const [first, second] = [deadLetterRecord(), deadLetterRecord()];
    spilled(first, second);
    store.before = () => {
      calls++;
      if (calls === 1) throw new Error('busy');
      if (calls > 2) throw new Error('gone');
    };
    const writer = newWriter();

    await writer.readBack();

    expect([writer.degraded, await writer.countRefused()]).toEqual([true, 0]);
    store.before = () => undefined;
    await writer.readBack();
    expect([await store.get(first.id), await store.get(second.id)]).not.toContain(undefined);
    expect(readdirSync(directory)).toEqual([]);
  });

  it.each([
    ...[
      '53100',
      '53300',
      '57014',
      '25006',
      '55P03',
      'ER_DISK_FULL',
      'ER_LOCK_WAIT_TIMEOUT',
      'ER_OPTION_PREVENTS_STATEMENT',
    ],
    ...['ER_CON_COUNT_ERROR', 'ER_STATEMENT_TIMEOUT', 'ECONNRESET', 'PROTOCOL_CONNECTION_LOST'],
  ])('are not what a fault rejects that passes, however often others are taken between: %s', async (code) => {
    const [first, second, third] = [deadLetterRecord({ queue: 'bad' }), deadLetterRecord(), deadLetterRecord()];
    spilled(first, second);
    store.before = ({ queue }) => {
      if (queue === 'bad') throw Object.assign(new Error('the same each time'), { code });
    };
    const writer = newWriter();

    await writer.readBack();
    // Read after what was left.
    writeFileSync(join(directory, 'spill-z.ndjson'), `${JSON.stringify(deadLetterRecord())}\n`);
    await writer.readBack();

    expect([writer.degraded, await writer.countRefused()]).toEqual([false, 0]);
    expect(await writer.write(third)).toMatchObject({ kept: 'store' });
    expect(readdirSync(directory)).toEqual([expect.stringMatching(/^spill-.*\.ndjson$/)]);

    store.before = () => undefined;
    await clock.advance('1m');
    await writer.readBack();

    expect(await store.get(first.id)).toBeDefined();
    expect(readdirSync(directory)).toEqual([]);
  });

  it('are tried again every hour, and leave their files when the store takes them', async () => {
    const bad = deadLetterRecord({ queue: 'bad' });
    spilled(bad, deadLetterRecord());
    const writer = newWriter();
    await writer.readBack();
    let tried = 0;
    store.before = ({ queue }) => {
      if (queue === 'bad' && ++tried === 1) throw new Error('too large');
    };

    await clock.advance('59m');
    await writer.readBack();
    expect(tried).toBe(0);
    await clock.advance('1m');
    await writer.readBack();
    expect([tried, await writer.countRefused()]).toEqual([1, 1]);
    await clock.advance('1h');
    await writer.readBack();

    expect([tried, await writer.countRefused()]).toEqual([2, 0]);
    expect(await store.get(bad.id)).toBeDefined();
    await writer.close();
    expect(clock.pending).toBe(0);
  });

  it('are tried once more by the next process', async () => {
    const bad = deadLetterRecord({ queue: 'bad' });
    spilled(bad, deadLetterRecord());
    await newWriter().readBack();
    await newWriter().start();
    expect(await newWriter().countRefused()).toBe(1);

    store.before = () => undefined;
    await newWriter().start();

    expect(await store.get(bad.id)).toBeDefined();
    expect(readdirSync(directory)).toEqual([]);
  });

  it('wait in memory where there is no directory, and the others pass them', async () => {
    const writer = newWriter({ spillDirectory: undefined });
    store.before = down;
    const [bad, good] = [deadLetterRecord({ queue: 'bad' }), deadLetterRecord({ queue: 'good' })];
    for (const record of [bad, good]) await writer.write(record);
    store.before = ({ queue }) => {
      if (queue === 'bad') throw new Error('too large');
    };

    await writer.readBack();

    expect([writer.degraded, await writer.countRefused()]).toEqual([false, 1]);
    expect(await store.get(good.id)).toBeDefined();
  });
});
