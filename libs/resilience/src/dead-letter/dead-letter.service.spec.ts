import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ResilienceOptionsError } from '../engine/errors.js';
import { FakeClock } from '../testing/fake-clock.js';
import { DEFAULT_AUTO_REDRIVE_OPTIONS } from './redrive/auto-redrive.options.js';
import type { RedriveProgress } from './redrive/batch.js';
import { deadLetterRecord } from './store/dead-letter-store.contract.js';
import type { DeadLetterRecord } from './dead-letter.entry.js';
import type { RedriveResult } from './redrive/redrive.js';
import { encodeArgs } from './capture/serializer.js';
import { DEFAULT_DEAD_LETTER_RETENTION } from './store/retention.js';
import { DeadLetterService, type DeadLetterServiceParts } from './dead-letter.service.js';
import { MemoryDeadLetterStore } from './store/memory.store.js';

let clock: FakeClock;
let store: MemoryDeadLetterStore;
let calls: { target: string; args: unknown[] }[];
let outcome: (target: string, args: unknown[]) => Promise<unknown>;
let emitted: { name: string; payload: object }[];
let service: DeadLetterService;

beforeEach(() => {
  clock = new FakeClock();
  store = new MemoryDeadLetterStore();
  calls = [];
  emitted = [];
  outcome = () => Promise.resolve('ok');
  service = given();
});

function given(parts: Partial<DeadLetterServiceParts> = {}): DeadLetterService {
  return new DeadLetterService({
    ...{ store, clock },
    events: { listens: () => true, emit: (name, payload) => void emitted.push({ name, payload }) },
    replay: (target, args) => {
      calls.push({ target, args });
      return outcome(target, args);
    },
    ...parts,
  });
}

async function stored(change: Partial<DeadLetterRecord> = {}): Promise<DeadLetterRecord> {
  const record = deadLetterRecord({ createdAt: clock.epochNow(), ...change });
  await store.add(record);
  return record;
}

const argsOf = (...args: unknown[]) => encodeArgs(args, { redact: false, maxArgsBytes: Infinity }).args;

describe('redriving one entry', () => {
  it('calls the method with the revived arguments and resolves the entry', async () => {
    const { id } = await stored({ args: argsOf(new Date(5), new Map([['a', 1n]])) });

    const result = await service.redrive(id);

    expect(calls).toEqual([{ target: 'OrderService.charge', args: [new Date(5), new Map([['a', 1n]])] }]);
    expect(result).toEqual({ id, outcome: 'resolved', status: 'resolved', redrives: 1 });
    expect(await service.get(id)).toMatchObject({ status: 'resolved', redrives: 1, lastRedriveAt: clock.epochNow() });
    expect(emitted.map(({ name }) => name)).toEqual(['resilience.dead-letter.redriven']);
  });

  it('that fails again is pending again, and never a second entry', async () => {
    const { id } = await stored();
    const error = new Error('still down, password=hunter22');
    outcome = () => Promise.reject(error);

    const result = await service.redrive(id);

    expect(result).toMatchObject({ id, outcome: 'failed', status: 'pending', redrives: 1 });
    expect(result.error).toBe(error);
    const entry = await service.get(id);
    expect(entry).toMatchObject({ status: 'pending', redrives: 1, error: { name: 'TimeoutError' } });
    expect(entry?.lastRedriveError?.message).toBe('still down, password=[redacted]');
    expect((await service.list()).items).toHaveLength(1);
  });

  it('keeps secrets that a person edited in out of what is said of its failure', async () => {
    const { id } = await stored({ args: argsOf({ password: 'hunter2222' }) });
    outcome = () => Promise.reject(new Error('hunter2222 is wrong'));

    const { failure } = await service.redrive(id);

    expect(failure?.message).toBe('[redacted] is wrong');
    expect((await service.get(id))?.lastRedriveError).toEqual(failure);
  });

  it('for the last time poisons it, which a person may still redrive', async () => {
    const { id } = await stored({ maxRedrives: 1 });
    outcome = () => Promise.reject(new Error('poison'));

    expect((await service.redrive(id)).status).toBe('poisoned');
    outcome = () => Promise.resolve('mended');
    expect((await service.redrive(id)).status).toBe('resolved');

    expect(emitted[1]).toEqual({
      name: 'resilience.dead-letter.poisoned',
      payload: { id, queue: 'orders', target: 'OrderService.charge', redrives: 1 },
    });
  });

  it.each([
    ['unknown', 'RESILIENCE_DEAD_LETTER_NOT_FOUND', undefined],
    ['closed', 'RESILIENCE_DEAD_LETTER_CLOSED', { status: 'resolved' as const }],
    [
      'not replayable',
      'RESILIENCE_DEAD_LETTER_NOT_REPLAYABLE',
      { replayable: false, notReplayable: ['args[0] is a Socket'] },
    ],
    ['of another application', 'RESILIENCE_DEAD_LETTER_TARGET_UNKNOWN', { target: 'Gone.away' }],
  ])('is refused when it is %s', async (_, code, change) => {
    service = given({ knowsTarget: (target) => target !== 'Gone.away' });
    const id = change ? (await stored(change)).id : 'nowhere';

    await expect(service.redrive(id)).rejects.toMatchObject({ code, deadLetterId: id });

    expect(calls).toEqual([]);
  });

  it('is refused while somebody else does it', async () => {
    const { id } = await stored();
    let finish = (_: string): void => undefined;
    outcome = () => new Promise((resolve) => (finish = resolve));
    const first = service.redrive(id);

    await clock.advance(0);
    await expect(given().redrive(id)).rejects.toMatchObject({ code: 'RESILIENCE_DEAD_LETTER_LEASED' });
    finish('ok');

    expect((await first).outcome).toBe('resolved');
    expect(calls).toHaveLength(1);
  });

  it('keeps its lease however long the method takes', async () => {
    const { id } = await stored();
    let finish = (_: string): void => undefined;
    outcome = () => new Promise((resolve) => (finish = resolve));
    const redrive = service.redrive(id);

    await clock.advance('10m');
    await expect(given().redrive(id)).rejects.toMatchObject({ code: 'RESILIENCE_DEAD_LETTER_LEASED' });
    finish('ok');

    expect((await redrive).status).toBe('resolved');
    expect(clock.pending).toBe(0);
  });

  it('says when its outcome could not be recorded because the lease was lost', async () => {
    const { id } = await stored();
    outcome = async () => store.releaseExpired(Infinity);

    await expect(service.redrive(id)).rejects.toMatchObject({ code: 'RESILIENCE_DEAD_LETTER_LEASE_LOST' });
  });

  it("revives through the method's own codec", async () => {
    const { id } = await stored({ args: { encoding: 'custom', json: { id: 'A-1' } } });
    const reviveArgs = (json: unknown) => [(json as { id: string }).id, 'loaded'];
    service = given({ codecOf: () => ({ serializeArgs: () => null, reviveArgs }) });

    await service.redrive(id);

    expect(calls[0]?.args).toEqual(['A-1', 'loaded']);
  });
});

describe('redriving many', () => {
  it('runs what matches, oldest first, each once, at the rate asked for', async () => {
    for (const order of ['a', 'b', 'c', 'd']) await stored({ args: argsOf(order) });
    await stored({ queue: 'other' });
    const at: number[] = [];
    outcome = (_, [order]) => {
      at.push(clock.now());
      return order === 'b' ? Promise.reject(new Error('no')) : Promise.resolve();
    };
    const progress: RedriveProgress[] = [];

    const running = service.redriveAll({ queue: 'orders' }, { ratePerSecond: 2, onProgress: (p) => progress.push(p) });
    await clock.advance(1_500);

    expect(await running).toEqual({
      ...{ matched: 4, resolved: 3, failed: 1, poisoned: 0, skipped: 0, dryRun: false, cancelled: false },
    });
    expect(calls.map(({ args }) => args[0])).toEqual(['a', 'b', 'c', 'd']);
    expect(at).toEqual([0, 500, 1_000, 1_500]);
    expect(progress.map(({ resolved, failed }) => [resolved, failed])).toEqual([[1, 0], [1, 1], [2, 1], [3, 1]]); // prettier-ignore
  });

  it('leaves poisoned entries alone unless asked for by name, and skips what cannot run', async () => {
    await stored({ status: 'poisoned' });
    await stored({ replayable: false, notReplayable: ['cut'] });

    expect(await service.redriveAll()).toMatchObject({ matched: 1, skipped: 1 });
    expect(await service.redriveAll({ status: 'poisoned' })).toMatchObject({ matched: 1, resolved: 1 });
  });

  it('may only count, and may be limited', async () => {
    for (let i = 0; i < 3; i++) await stored();

    expect(await service.redriveAll({}, { dryRun: true })).toMatchObject({ matched: 3, resolved: 0, dryRun: true });
    expect(calls).toEqual([]);
    expect(await service.redriveAll({}, { limit: 1 })).toMatchObject({ matched: 1, resolved: 1 });
  });

  it('ends at once when cancelled', async () => {
    for (let i = 0; i < 3; i++) await stored();
    const controller = new AbortController();
    const running = service.redriveAll({}, { ratePerSecond: 0.1, signal: controller.signal });
    await clock.advance(0);

    controller.abort();

    expect(await running).toMatchObject({ resolved: 1, cancelled: true });
    expect(clock.pending).toBe(0);
  });

  it('takes up what a crashed replica held', async () => {
    const { id } = await stored();
    await store.lease(id, { holder: 'dead', leaseMs: 1_000, now: clock.epochNow(), from: ['pending'] });
    await clock.advance(1_000);

    expect(await service.redriveAll()).toMatchObject({ matched: 1, resolved: 1 });
  });

  describe('several at once', () => {
    /** Calls that end when told to. */
    let atWork: { order: unknown; end: (error?: Error) => void }[];

    beforeEach(async () => {
      atWork = [];
      outcome = (_, [order]) =>
        new Promise((resolve, reject) => {
          const end = (error?: Error) => (error ? reject(error) : resolve(order));
          atWork.push({ order, end });
        });
      for (const order of ['a', 'b', 'c', 'd', 'e']) await stored({ args: argsOf(order) });
    });

    const orders = () => atWork.map(({ order }) => order);

    it('keeps as many at work as asked, oldest first, each once, and says which one ended', async () => {
      const progress: RedriveProgress[] = [];
      const running = service.redriveAll(
        {},
        { concurrency: 2, ratePerSecond: 10_000, onProgress: (p) => progress.push(p) },
      );
      await clock.advance(10);
      expect(orders()).toEqual(['a', 'b']);

      atWork[1]?.end(new Error('no'));
      await clock.advance(10);
      expect(orders()).toEqual(['a', 'b', 'c']);
      for (const next of [0, 2, 3, 4]) {
        atWork[next]?.end();
        await clock.advance(10);
      }

      expect(await running).toMatchObject({ matched: 5, resolved: 4, failed: 1, skipped: 0, cancelled: false });
      expect(orders()).toEqual(['a', 'b', 'c', 'd', 'e']);
      expect(progress.map(({ resolved, failed, last }) => [resolved, failed, (last as RedriveResult).outcome])).toEqual(
        [
          [0, 1, 'failed'],
          [1, 1, 'resolved'],
          [2, 1, 'resolved'],
          [3, 1, 'resolved'],
          [4, 1, 'resolved'],
        ],
      );
    });

    it('starts no more a second than asked', async () => {
      const running = service.redriveAll({}, { concurrency: 5, ratePerSecond: 2 });
      const started: number[] = [];
      for (let ms = 0; ms <= 2_000; ms += 500) {
        await clock.advance(ms === 0 ? 0 : 500);
        started.push(atWork.length);
      }
      for (const { end } of atWork) end();

      expect(started).toEqual([1, 2, 3, 4, 5]);
      expect(await running).toMatchObject({ resolved: 5 });
    });

    it('is one after the other unless asked', async () => {
      const running = service.redriveAll({}, { ratePerSecond: 10_000 });
      for (let ended = 0; ended < 5; ended++) {
        await clock.advance(10);
        expect(atWork).toHaveLength(ended + 1);
        atWork[ended]?.end();
      }

      expect(await running).toMatchObject({ resolved: 5 });
    });

    it('starts no other when cancelled, and waits for those at work', async () => {
      const controller = new AbortController();
      const running = service.redriveAll({}, { concurrency: 2, ratePerSecond: 10_000, signal: controller.signal });
      let ended = false;
      void running.then(() => (ended = true));
      await clock.advance(10);

      controller.abort();
      atWork[0]?.end();
      await clock.advance(10);
      expect(ended).toBe(false);
      atWork[1]?.end();

      expect(await running).toMatchObject({ matched: 5, resolved: 2, cancelled: true });
      expect(orders()).toEqual(['a', 'b']);
      expect(clock.pending).toBe(0);
    });

    it('starts no other when the store fails, waits for those at work, and tells why', async () => {
      const running = service.redriveAll({}, { concurrency: 2, ratePerSecond: 10_000 });
      const settled = running.then(
        () => 'done',
        (error: Error) => error.message,
      );
      await clock.advance(10);
      const { settle } = store;
      store.settle = () => Promise.reject(new Error('disk full'));
      atWork[0]?.end();
      await clock.advance(10);
      store.settle = settle;
      const { length } = await service.count({ status: 'resolved' });
      atWork[1]?.end();

      expect(await settled).toBe('disk full');
      expect(length).toBe(0);
      expect(await service.count({ status: 'resolved' })).toMatchObject([{ count: 1 }]);
      expect(orders()).toEqual(['a', 'b']);
    });

    it('never runs an entry twice, whoever else runs a batch over the same entries', async () => {
      for (let i = 0; i < 60; i++) await stored({ args: argsOf(i) });
      outcome = async () => {
        await Promise.resolve();
      };

      const options = { concurrency: 8, ratePerSecond: 10_000 };
      const running = Promise.all([service.redriveAll({}, options), given().redriveAll({}, options)]);
      await clock.advance(1_000);
      const reports = await running;

      expect(calls).toHaveLength(65);
      expect(new Set(calls.map(({ args }) => args[0])).size).toBe(65);
      expect(reports.reduce((sum, { resolved }) => sum + resolved, 0)).toBe(65);
    });
  });

  it('reports every bad option at once', async () => {
    const bad = service.redriveAll({ status: 'pendin' as 'pending' }, { ratePerSecond: 0, concurrency: 0, limit: 1.5 });

    await expect(bad).rejects.toBeInstanceOf(ResilienceOptionsError);
    await expect(bad).rejects.toThrow(/ratePerSecond[^]*concurrency[^]*limit/);
  });
});

describe('moving entries by hand', () => {
  it('edits the arguments, types and all, which makes them replayable', async () => {
    const { id } = await stored({ replayable: false, notReplayable: ['cut'], status: 'poisoned' });

    const entry = await service.edit(id, [{ at: new Date(7) }], { note: 'fixed the date' });
    await service.redrive(id);

    expect(entry).toMatchObject({ status: 'pending', replayable: true, note: 'fixed the date' });
    expect(calls[0]?.args).toEqual([{ at: new Date(7) }]);
  });

  it('refuses arguments with which the method cannot be called, and leaves the entry as it was', async () => {
    const kept = await stored({
      args: argsOf('A-1', { password: '[redacted]', note: 'x' }),
      redacted: ['args[1].password'],
    });

    const few = service.edit(kept.id, ['A-1']);
    const bad = service.edit(kept.id, [
      new Date(NaN),
      { password: '[redacted]', note: 'about [redacted]', run: () => 1 },
    ]);

    await expect(few).rejects.toThrow(/args: got .*expected all 2 arguments, as many as the call had/);
    await expect(bad).rejects.toBeInstanceOf(ResilienceOptionsError);
    await expect(bad).rejects.toMatchObject({
      problems: [
        { path: 'args', allowed: 'values that can be stored: args[0] is an invalid date' },
        { path: 'args', allowed: 'values that can be stored: args[1].run is a function' },
        { path: 'args[1].password', allowed: 'the value itself: it was left out as secret' },
      ],
    });
    expect(await store.get(kept.id)).toEqual(kept);
  });

  it("refuses what the method's own codec cannot take", async () => {
    const kept = await stored({ args: { encoding: 'custom', json: { id: 'A-1' } } });
    const serializeArgs = (args: readonly unknown[]) => ({ id: (args[0] as { id: string }).id.trim() });
    service = given({ codecOf: () => ({ serializeArgs, reviveArgs: (json) => [json] }) });

    await expect(service.edit(kept.id, [{ name: 'x' }])).rejects.toThrow(/could not be serialised/);

    expect(await store.get(kept.id)).toEqual(kept);
  });

  it('discards, and refuses what is closed already', async () => {
    const { id } = await stored();

    expect(await service.discard(id, { note: 'paid by hand' })).toMatchObject({
      status: 'discarded',
      note: 'paid by hand',
    });
    await expect(service.discard(id)).rejects.toMatchObject({ code: 'RESILIENCE_DEAD_LETTER_CLOSED' });
    await expect(service.edit(id, [])).rejects.toMatchObject({ code: 'RESILIENCE_DEAD_LETTER_CLOSED' });
  });

  it('purges only closed entries unless told otherwise', async () => {
    await stored();
    await stored({ status: 'resolved' });

    expect(await service.purge({})).toBe(1);
    expect(await service.purge({ status: 'pending' })).toBe(1);
  });
});

describe('export and import', () => {
  it('carry everything to another store, in chunks of any size and any number of times', async () => {
    const records = [await stored({ note: 'zwölf 漢' }), await stored({ status: 'resolved', closedAt: 5 })];
    await store.lease(records[0]!.id, { holder: 'x', leaseMs: 1, now: 0, from: ['pending'] });
    let text = '';
    for await (const line of service.export()) text += line;
    const bytes = Buffer.from(`${text}\nno json\n{"id":"x"}\n`);
    const chunks = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, i) => bytes.subarray(i * 7, i * 7 + 7));
    const target = new MemoryDeadLetterStore();
    const other = given({ store: target });

    const report = await other.import(chunks);

    expect(report).toMatchObject({ added: 2, merged: 0, known: 0 });
    expect(report.refused.map(({ line }) => line)).toEqual([4, 5]);
    expect(report.refused[1]?.problem).toContain('queue: no text; target: no text');
    expect(await target.get(records[0]!.id)).toMatchObject({ ...records[0], updatedAt: 0 });
    expect(await target.get(records[1]!.id)).toEqual(records[1]);
    expect(await other.import([text])).toMatchObject({ added: 0, known: 2 });
  });

  it('export large entries a few at a time, and small ones many', async () => {
    const sizes = [...Array<number>(60).fill(1_000_000), ...Array<number>(400).fill(10)];
    const records = sizes.map((size) => deadLetterRecord({ note: 'x'.repeat(size) }));
    for (const record of records) await store.add(record);
    const list = jest.spyOn(store, 'list');

    const ids: string[] = [];
    for await (const line of service.export()) ids.push((JSON.parse(line) as { id: string }).id);

    expect(ids).toEqual(records.map(({ id }) => id));
    const limits = list.mock.calls.map(([{ limit }]) => limit);
    expect(limits.slice(0, 8)).toEqual([20, 8, 8, 8, 8, 8, 8, 16]);
    expect(limits.at(-1)).toBe(200);
  });

  it('import what the store takes, and report what it refuses with its line', async () => {
    const records = [deadLetterRecord(), deadLetterRecord({ queue: 'bad' }), deadLetterRecord()];
    const text = records.map((record) => JSON.stringify(record)).join('\n');
    class ChoosyStore extends MemoryDeadLetterStore {
      override async add(record: (typeof records)[0]) {
        if (record.queue === 'bad') throw new Error('too large');
        return super.add(record);
      }
    }

    const report = await given({ store: new ChoosyStore() }).import([`no json\n${text}\nno json`]);

    expect(report).toMatchObject({ added: 2, refusedLines: 3 });
    expect(report.refused).toMatchObject([
      { line: 1 },
      { line: 3, problem: 'the store refuses it: too large' },
      { line: 5 },
    ]);
  });

  it.each([
    ['that comes last', 51, 0],
    ['that is large', 1, 4_200_000],
  ])('take an entry %s for what it is when the store refuses it, not for a store that fails', async (_, at, length) => {
    const store = new MemoryDeadLetterStore();
    const add = store.add.bind(store);
    store.add = async (record) => {
      if (record.queue === 'bad') throw new Error('too large');
      return add(record);
    };
    const records = Array.from({ length: 51 }, (_, index) =>
      deadLetterRecord(index === at - 1 ? { queue: 'bad', note: 'x'.repeat(length) } : {}),
    );

    const report = await given({ store }).import(records.map((record) => `${JSON.stringify(record)}\n`));

    expect(report).toMatchObject({ added: 50, refused: [{ line: at, problem: 'the store refuses it: too large' }] });
  });

  it('import nothing into a store that takes nothing, and say so', async () => {
    const failing = new MemoryDeadLetterStore();
    failing.add = () => Promise.reject(new Error('disk is gone'));
    const line = `${JSON.stringify(deadLetterRecord())}\n`;

    await expect(given({ store: failing }).import([line, line])).rejects.toThrow('disk is gone');
  });
});

describe('listing', () => {
  it('gives entries with their arguments as the method would get them', async () => {
    await stored({ args: argsOf(new Set([1])) });

    const { items, nextCursor } = await service.list({ queue: 'orders', limit: 1 });

    expect([items[0]?.args, nextCursor]).toEqual([[new Set([1])], null]);
  });

  it('shows damaged arguments as they are, with the reason', async () => {
    await stored({ args: { encoding: 'superjson', json: [1], meta: { values: { '0': [['custom', 'gone']] } } } });

    const [entry] = (await service.list()).items;

    expect(entry?.replayable).toBe(false);
    expect(entry?.notReplayable[0]).toContain('cannot be read');
  });

  it('refuses a query that cannot work, naming all of it', async () => {
    const bad = service.list({ limit: 0, status: 'done' as never, quue: 'x' } as never);

    await expect(bad).rejects.toThrow(/limit[^]*|did you mean 'queue'/);
    await expect(bad).rejects.toMatchObject({ problems: { length: 3 } });
  });
});

describe('an import', () => {
  const importing = (...chunks: (string | Uint8Array)[]) => service.import(chunks);

  it('says what is wrong with each line it refuses, and takes the others', async () => {
    const good = deadLetterRecord();
    const bad = [
      { ...deadLetterRecord(), id: 'x'.repeat(300) },
      { ...deadLetterRecord(), createdAt: 1e300, redrives: -1 },
      { ...deadLetterRecord(), args: { encoding: 'exe' }, attempts: [1], error: { name: 5 } },
    ];

    const report = await importing(`${[...bad, good].map((record) => JSON.stringify(record)).join('\n')}\n`);

    expect(report).toMatchObject({ added: 1, refusedLines: 3 });
    expect(report.refused).toEqual([
      { line: 1, problem: 'id: no UUID' },
      { line: 2, problem: 'createdAt: no whole number >= 0; redrives: no whole number >= 0' },
      {
        line: 3,
        problem:
          'args: no arguments as an export has them; error: no error as an export has it; attempts: no list of objects',
      },
    ]);
  });

  it('keeps nothing that no entry has, and nothing nested without end', async () => {
    const good = deadLetterRecord();
    const polluted = `${JSON.stringify(good).slice(0, -1)},"__proto__":{"x":1},"extra":"y"}`;
    const deep = JSON.stringify(deadLetterRecord()).replace(
      '"json":[',
      `"json":[${'['.repeat(5_000)}${']'.repeat(5_000)},`,
    );

    const report = await importing(`${polluted}\n${deep}\n`);

    expect(report.refused).toEqual([{ line: 2, problem: 'nested more than 400 levels deep' }]);
    expect(Object.getOwnPropertyNames(await store.get(good.id))).not.toContain('extra');
    expect(await store.get(good.id)).toEqual(good);
  });

  it('never holds a line without an end in memory', async () => {
    const good = deadLetterRecord();
    const chunk = Buffer.alloc(1_000_000, 'x');
    async function* endless() {
      for (let i = 0; i < 60; i++) yield chunk;
      yield `\n${JSON.stringify(good)}`;
    }

    const report = await service.import(endless());

    expect(report).toMatchObject({ added: 1, refused: [{ line: 1, problem: expect.stringContaining('longer than') }] });
  });

  it('counts what it refuses beyond the first thousand', async () => {
    const report = await importing('no json\n'.repeat(1_200));

    expect([report.refused.length, report.refusedLines]).toEqual([1_000, 1_200]);
  });
});

describe('large arguments', () => {
  it('are shown in part in lists, and whole by themselves', async () => {
    const text = 'x'.repeat(5_000);
    const { args } = encodeArgs([{ text }], { redact: false, maxArgsBytes: 4_096, blob: true, maxBlobBytes: 1e6 });
    const { id } = await stored({ args });

    const [listed] = (await service.list()).items;
    const single = await service.get(id);
    await service.redrive(id);

    expect([listed?.excerpt, JSON.stringify(listed?.args).length < 4_096]).toEqual([true, true]);
    expect([single?.excerpt, single?.args, calls[0]?.args]).toEqual([undefined, [{ text }], [{ text }]]);
  });
});

describe('redriving without a person', () => {
  const auto = { interval: '1m', baseDelay: '2m', multiplier: 3, maxDelay: '10m' } as const;

  it('is off unless asked for', async () => {
    await stored();
    service.start();

    await clock.advance('1d');
    service.stop();

    expect(calls).toEqual([]);
    expect(DEFAULT_AUTO_REDRIVE_OPTIONS).toEqual({
      ...{ interval: 60_000, baseDelay: 60_000, multiplier: 2, maxDelay: 3_600_000, ratePerSecond: 10, limit: 100 },
    });
  });

  it('waits longer after each failure, until the entry is poisoned', async () => {
    const { id } = await stored({ maxRedrives: 4 });
    const at: number[] = [];
    outcome = () => {
      at.push(clock.now() / 60_000);
      return Promise.reject(new Error('still down'));
    };
    service = given({ autoRedrive: auto });

    service.start();
    await clock.advance('1d');
    service.stop();

    // 2, then 6, then 10 instead of 18 minutes.
    expect(at).toEqual([2, 8, 18, 28]);
    expect(await service.get(id)).toMatchObject({ status: 'poisoned', redrives: 4 });
    expect(clock.pending).toBe(0);
  });

  it('leaves alone what an open circuit would refuse, what is of another queue, and what cannot be replayed', async () => {
    const fine = await stored();
    await stored({ target: 'Bank.pay', args: argsOf('tenant-7') });
    await stored({ queue: 'other' });
    await stored({ replayable: false, notReplayable: ['cut'] });
    const asked: unknown[] = [];
    service = given({
      autoRedrive: { ...auto, queues: ['orders'] },
      mayCall: (target, args) => {
        asked.push([target, args]);
        return target !== 'Bank.pay';
      },
    });

    service.start();
    await clock.advance('5m');
    service.stop();

    expect(calls.map(({ target }) => target)).toEqual(['OrderService.charge']);
    expect(asked).toContainEqual(['Bank.pay', ['tenant-7']]);
    expect((await service.get(fine.id))?.status).toBe('resolved');
  });

  it('lets a target rest for a round once it has failed, and keeps to its limit', async () => {
    for (let i = 0; i < 5; i++) await stored({ target: 'Bank.pay' });
    for (let i = 0; i < 5; i++) await stored();
    outcome = (target) => (target === 'Bank.pay' ? Promise.reject(new Error('down')) : Promise.resolve());
    service = given({ autoRedrive: { ...auto, interval: '2m', limit: 3 } });

    service.start();
    await clock.advance('2m');
    await clock.advance('1s');
    service.stop();

    expect(calls.map(({ target }) => target)).toEqual(['Bank.pay', 'OrderService.charge', 'OrderService.charge']);
  });

  it('begins nothing after it was stopped, also in the middle of a round', async () => {
    for (let i = 0; i < 5; i++) await stored();
    service = given({ autoRedrive: { ...auto, ratePerSecond: 1 } });
    service.start();
    await clock.advance('2m');

    service.stop();
    await clock.advance('1h');

    expect(calls).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it('goes on after a round that the store ended', async () => {
    await stored();
    const reports: unknown[] = [];
    const list = jest.spyOn(store, 'list').mockRejectedValueOnce(new Error('store is away'));
    service = given({ autoRedrive: { ...auto, baseDelay: 0 } });

    service.start((report) => reports.push(report));
    await clock.advance('2m');
    service.stop();

    expect(list).toHaveBeenCalledTimes(2);
    expect(reports).toContainEqual({ error: expect.objectContaining({ message: 'store is away' }) });
    expect(calls).toHaveLength(1);
  });

  it('refuses options that cannot be, all at once', () => {
    const bad = { interval: '1ms', queues: [], multiplier: 0.5, intervl: 1 } as never;

    expect(() => given({ autoRedrive: bad })).toThrow(/4 options/);
  });

  it.each([
    ['every', 'interval'],
    ['firstDelay', 'baseDelay'],
    ['factor', 'multiplier'],
  ])('refuses %s, which is called %s now', (before, now) => {
    expect(() => given({ autoRedrive: { [before]: 1 } as never })).toThrow(
      `${before}: got 1, expected no such option (did you mean '${now}'?)`,
    );
  });
});

describe('retention', () => {
  it('keeps closed entries 180 days and 100,000 entries a queue by default', () => {
    expect(DEFAULT_DEAD_LETTER_RETENTION).toEqual({ age: '180d', maxEntriesPerQueue: 100_000 });
    expect(() => given({ retention: { age: 'soon', maxEntriesPerQueue: 0 } })).toThrow(/2 options/);
  });

  it('runs at start and every hour until stopped', async () => {
    const closed = await stored({ status: 'resolved', closedAt: clock.epochNow() });
    const open = await stored();
    service = given({ retention: { age: '90m' } });
    const removed: unknown[] = [];

    service.start((report) => removed.push('removed' in report ? report.removed : report));
    await clock.advance('2h');
    service.stop();
    await clock.advance('2h');

    expect(removed).toEqual([0, 0, 1]);
    expect(await service.get(closed.id)).toBeUndefined();
    expect(await service.get(open.id)).toBeDefined();
    expect(clock.pending).toBe(0);
  });
});
