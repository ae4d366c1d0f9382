import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { FailedCall } from '../engine/dead-letter-sink.js';
import { FakeClock } from '../testing/fake-clock.js';
import { deadLetterRecord } from './store/dead-letter-store.contract.js';
import { FailedCallCapture } from './capture/capture.js';
import { DEFAULT_DEAD_LETTER_OPTIONS } from './dead-letter.options.js';
import { StoringDeadLetterSink } from './dead-letter.sink.js';
import { DeadLetterWriter } from './dead-letter.writer.js';
import { FileSpill } from './spill/file.spill.js';
import { MemoryDeadLetterStore } from './store/memory.store.js';

/** A store that can be taken away. */
class FlakyStore extends MemoryDeadLetterStore {
  state: 'up' | 'down' | 'hanging' | 'slow' = 'up';
  /** Lets a slow `add` go on. */
  answer: () => void = () => undefined;

  override async add(...args: Parameters<MemoryDeadLetterStore['add']>) {
    if (this.state === 'down') throw new Error('disk is gone');
    if (this.state === 'hanging') return new Promise<never>(() => undefined);
    if (this.state === 'slow') await new Promise<void>((resolve) => (this.answer = resolve));
    return super.add(...args);
  }

  override async get(id: string) {
    if (this.state !== 'up') throw new Error('disk is gone');
    return super.get(id);
  }
}

const call: FailedCall = {
  target: 'OrderService.charge',
  args: ['A-1'],
  error: new Error('failed'),
  attempts: [],
  fallbacks: [],
  executionId: 'execution-1',
  firstFailedAt: 5,
  reason: 'failed',
};

/** What all file handles inherit from: a disk that is full answers there. */
const probe = await open(process.execPath, 'r');
const fileHandles = Object.getPrototypeOf(probe) as FileHandle;
await probe.close();

let directory: string;
let clock: FakeClock;
let store: FlakyStore;
let log: { warn: jest.Mock<(message: string) => void>; error: jest.Mock<(message: string) => void> };
let emitted: { name: string; payload: object }[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'spill-'));
  clock = new FakeClock();
  store = new FlakyStore();
  log = { warn: jest.fn(), error: jest.fn() };
  emitted = [];
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function given({ spill = true, options = {} } = {}) {
  const writer = new DeadLetterWriter({ store, clock, log, ...(spill && { spillDirectory: directory }) });
  const capture = new FailedCallCapture({
    clock,
    classify: () => ({ kind: 'unknown', reason: 'unknown', retryable: true, countsAsFailure: true }),
  });
  const events = {
    listens: (name: string) => name === 'resilience.dead-letter.stored',
    emit: (name: string, payload: object) => void emitted.push({ name, payload }),
  };
  const sink = new StoringDeadLetterSink({ capture, writer, events }, { ...DEFAULT_DEAD_LETTER_OPTIONS, ...options });
  return { writer, sink };
}

/** Files are read and written meanwhile: events of the real world, which no fake clock moves. */
async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

async function storedIds(): Promise<string[]> {
  return (await store.list({ order: 'oldest' })).items.map(({ id }) => id);
}

describe('StoringDeadLetterSink', () => {
  it('resolves with the id of the stored entry and says so', async () => {
    const { sink } = given();

    const id = await sink.store(call);

    expect(await storedIds()).toEqual([id]);
    expect(emitted).toEqual([
      {
        name: 'resilience.dead-letter.stored',
        payload: {
          ...{ id, queue: 'default', target: 'OrderService.charge', executionId: 'execution-1', reason: 'failed' },
          ...{ replayable: true, errorName: 'Error', errorMessage: 'failed', spilled: false },
        },
      },
    ]);
  });

  it('resolves with the id of the older entry when the key is live', async () => {
    const { sink } = given({ options: { idempotencyKey: (order: string) => order } });

    const ids = [await sink.store(call), await sink.store(call)];

    expect(ids[1]).toBe(ids[0]);
  });

  it('keeps a rescued call only when asked to', async () => {
    const rescued = { ...call, reason: 'rescued' } as const;

    expect(await given().sink.store(rescued)).toBeUndefined();
    expect(await given({ options: { capture: 'exhausted' } }).sink.store(rescued)).toEqual(expect.any(String));
  });
});

describe('while the store fails', () => {
  it('entries go to the spill file, still with their ids, and health hears of it', async () => {
    const { sink, writer } = given();
    const heard: boolean[] = [];
    writer.onDegradedChange((degraded) => heard.push(degraded));
    store.state = 'down';

    const id = await sink.store(call);

    const [file] = readdirSync(directory);
    expect(JSON.parse(readFileSync(join(directory, file!), 'utf8'))).toMatchObject({
      id,
      target: 'OrderService.charge',
    });
    expect([sink.degraded, heard]).toEqual([true, [true]]);
    expect(emitted[0]?.payload).toMatchObject({ id, spilled: true });
    expect(log.error).toHaveBeenCalledWith(expect.stringContaining('disk is gone'));
    await writer.close();
  });

  it('they are read back in when it answers again, after ever longer waits', async () => {
    const { sink, writer } = given();
    store.state = 'down';
    const ids = [await sink.store(call), await sink.store(call)];
    const drain = jest.spyOn(writer, 'readBack');

    await clock.advance(1_000);
    await drain.mock.results[0]?.value;
    await clock.advance(1_999);
    expect(drain).toHaveBeenCalledTimes(1);
    store.state = 'up';
    await clock.advance(1);
    await drain.mock.results[1]?.value;

    expect(await storedIds()).toEqual(ids);
    expect(readdirSync(directory)).toEqual([]);
    expect(sink.degraded).toBe(false);
    expect(clock.pending).toBe(0);
  });

  it('a store that does not answer costs a call 30 ms, and those beside it no more than what is left of them', async () => {
    const { sink } = given();
    store.state = 'hanging';
    const first = sink.store(call);
    await clock.advance(20);
    const second = sink.store(call);

    await clock.advance(10);

    expect([await first, await second]).toEqual([expect.any(String), expect.any(String)]);
    expect(sink.degraded).toBe(true);
    expect(log.error).toHaveBeenCalledWith(expect.stringContaining('has not answered within 30 ms'));
    expect(clock.now()).toBe(30);
  });

  it('once it is known to hang, no call waits for it at all', async () => {
    const { sink } = given();
    store.state = 'hanging';
    const first = sink.store(call);
    await clock.advance(30);
    await first;

    const ids = await Promise.all(Array.from({ length: 100 }, () => sink.store(call)));

    expect(new Set(ids).size).toBe(100);
    expect(clock.now()).toBe(30);
    const lines = readdirSync(directory).flatMap((file) =>
      readFileSync(join(directory, file), 'utf8').trim().split('\n'),
    );
    expect(lines).toHaveLength(101);
  });

  it('one that was only slow is used again as soon as it answers, and counts no call twice', async () => {
    const { sink } = given({ options: { idempotencyKey: (order: string) => order } });
    store.state = 'slow';
    const storing = sink.store(call);
    await clock.advance(30);
    const id = await storing;
    store.state = 'up';

    store.answer();
    await eventually(() => !sink.degraded);

    expect(await store.get(id!)).toMatchObject({ occurrences: 1 });
    expect(readdirSync(directory)).toEqual([]);
    expect(clock.now()).toBe(30);
  });

  it('one that hangs without a spill directory counts as failed after 5 s: memory is nothing to answer a caller with', async () => {
    const { sink, writer } = given({ spill: false });
    store.state = 'hanging';
    const storing = sink.store(call);

    await clock.advance(5_000);

    expect(await storing).toBeUndefined();
    expect(sink.degraded).toBe(true);
    store.state = 'up';
    await writer.close();
  });

  it('without a spill directory entries wait in memory, with a loud word and without a promise', async () => {
    const { sink, writer } = given({ spill: false });
    store.state = 'down';

    const id = await sink.store(call);

    expect(id).toBeUndefined();
    expect(log.error).toHaveBeenLastCalledWith(expect.stringContaining('kept in memory only'));
    store.state = 'up';
    await writer.readBack();
    expect(await storedIds()).toHaveLength(1);
    expect(sink.degraded).toBe(false);
  });

  it('an entry that can be kept nowhere is named in the log, and the call still ends', async () => {
    const blocked = join(directory, 'file');
    writeFileSync(blocked, '');
    const writer = new DeadLetterWriter({ store, clock, log, spillDirectory: join(blocked, 'below') });
    store.state = 'down';
    const record = deadLetterRecord();

    expect(await writer.write(record)).toEqual({ kept: 'nowhere' });

    expect(log.error).toHaveBeenLastCalledWith(expect.stringMatching(new RegExp(`${record.id}.* is LOST`)));
    await writer.close();
  });

  it('a listener that throws harms nobody', async () => {
    const { sink, writer } = given();
    writer.onDegradedChange(() => {
      throw new Error('listener');
    });
    store.state = 'down';

    expect(await sink.store(call)).toEqual(expect.any(String));
    await writer.close();
  });
});

describe('FileSpill', () => {
  it('reads in what other processes left, torn last lines apart', async () => {
    const [whole, other] = [deadLetterRecord(), deadLetterRecord()];
    writeFileSync(join(directory, 'spill-a.ndjson'), `${JSON.stringify(whole)}\n{"id":"torn`);
    writeFileSync(join(directory, 'spill-b.ndjson.x.claimed'), `${JSON.stringify(other)}\n`);
    const kept: string[] = [];

    const { kept: count } = await new FileSpill(directory).drain(async ({ id }) => kept.push(id));

    expect([count, kept.sort()]).toEqual([2, [whole.id, other.id].sort()]);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('reads separators that some releases of Node take for line ends as what they are, part of a text', async () => {
    const spill = new FileSpill(directory);
    const record = deadLetterRecord({ note: 'a\u2028b\u2029c' });
    await spill.append(record);
    const kept: unknown[] = [];

    await spill.drain(async (each) => kept.push(each));

    expect(kept).toEqual([record]);
  });

  it('keeps what is left when the store fails in the middle of it', async () => {
    const spill = new FileSpill(directory);
    const records = [deadLetterRecord(), deadLetterRecord(), deadLetterRecord()];
    for (const record of records) await spill.append(record);
    let calls = 0;
    const failing = async (record: (typeof records)[0]) => {
      if (++calls > 1) throw new Error('down again');
      await store.add(record);
    };

    expect(await spill.drain(failing)).toMatchObject({ kept: 1, refused: [], failure: new Error('down again') });

    expect(await spill.drain(async (record) => store.add(record))).toEqual({ kept: 2, refused: [] });
    expect(await storedIds()).toHaveLength(3);
  });

  it('leaves no half line behind when the disk is full, and takes up again when it is not', async () => {
    const spill = new FileSpill(directory);
    const [first, second, third] = [deadLetterRecord(), deadLetterRecord(), deadLetterRecord()];
    await spill.append(first);
    const [file] = readdirSync(directory);
    const path = join(directory, file!);
    const full = jest.spyOn(fileHandles, 'writeFile').mockImplementationOnce(async function (this: FileHandle, text) {
      await this.write(String(text).slice(0, 20));
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    });

    await expect(spill.append(second)).rejects.toThrow('no space left');
    full.mockRestore();
    await spill.append(third);

    const lines = readFileSync(path, 'utf8').trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { id: string }).id)).toEqual([first.id, third.id]);
  });

  it('loses nothing that is appended while others read', async () => {
    const writer = new FileSpill(directory);
    const reader = new FileSpill(directory);
    const records = Array.from({ length: 60 }, () => deadLetterRecord());
    let writing = true;
    const reading = (async () => {
      while (writing) await reader.drain((record) => store.add(record));
    })();

    await Promise.all(records.map((record) => writer.append(record)));
    writing = false;
    await reading;
    await reader.drain((record) => store.add(record));

    expect((await store.list({ limit: 100 })).items).toHaveLength(60);
  });
});
