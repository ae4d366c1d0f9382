import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { requireBuilt } from './built.js';
import { effectsIn, Replica, type ReplicaOptions, until } from './replica.js';

const BESIDE = Number(process.env['POISON_BESIDE'] ?? 49);
const WAYS = (process.env['POISON_WAYS'] ?? 'abort,kill,exit,segfault,throw,reject,heap,slowly').split(',');

let directory: string;
let options: ReplicaOptions;
const replicas: Replica[] = [];

beforeAll(() => requireBuilt('resilience', 'store-sql', 'workflow'));

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'workflow-poison-'));
  options = { store: join(directory, 'ledger.db'), effects: join(directory, 'effects.log') };
});

afterEach(async () => {
  await Promise.all(replicas.splice(0).map((replica) => replica.end('SIGKILL')));
  rmSync(directory, { recursive: true, force: true });
});

async function start(change: Partial<ReplicaOptions> = {}, nodeOptions: readonly string[] = []): Promise<Replica> {
  const replica = await Replica.start({ ...options, ...change }, nodeOptions);
  replicas.push(replica);
  return replica;
}

const atWork = () => new Set(effectsIn(options.effects).map(([id]) => id)).size;

/** Starts again whenever it dies, as whatever keeps a service up would do. */
async function keepUp(
  first: Replica,
  nodeOptions: readonly string[] = [],
): Promise<{ last: Replica; crashes: number }> {
  let last = first;
  let crashes = 0;
  while (!(await last.untilNothingIsUnfinished())) {
    await last.ended;
    crashes++;
    if (crashes > 20) throw new Error(`it still dies:\n${last.log.join('\n')}`);
    last = await start({}, nodeOptions);
  }
  return { last, crashes };
}

describe('an execution that takes its process along', () => {
  const ways = (
    [
      ['abort', []],
      ['kill', []],
      ['exit', []],
      ['segfault', []],
      ['throw', []],
      ['reject', []],
      ['heap', ['--max-old-space-size=96']],
    ] as const
  ).filter(([way]) => WAYS.includes(way));

  it.each(ways)(
    `by %s becomes a dead letter after three crashes; the ${BESIDE} beside it succeed`,
    async (way, nodeOptions) => {
      const first = await start({}, nodeOptions);
      const innocent = Array.from({ length: BESIDE }, () => first.submit('steps', { ms: 400 }));
      const culprit = await first.submit('poison', { ms: 1, beside: BESIDE + 1, way });
      const ids = await Promise.all(innocent);

      const { last, crashes } = await keepUp(first, nodeOptions);

      process.stdout.write(`${way}: ${crashes} crashes\n`);
      expect(crashes).toBe(3);
      expect((await last.executions('status=succeeded')).map(({ id }) => id).sort()).toEqual(ids.sort());
      const { body } = await last.ask(`/executions/${culprit}`);
      expect(body).toMatchObject({ status: 'failed', error: { code: 'RESILIENCE_EXECUTION_POISONED' } });
      const letter = await last.ask(`/dead-letters/${String(body['deadLetterId'])}`);
      expect(letter.body).toMatchObject({ queue: 'workflows', status: 'pending', args: ['poison', culprit] });
    },
  );

  if (WAYS.includes('slowly'))
    it('only after a while is found all the same, beside executions that take longer than their turn', async () => {
      const first = await start();
      const innocent = Array.from({ length: 9 }, () => first.submit('steps', { ms: 3_000 }));
      const culprit = await first.submit('poison', { ms: 1, beside: 10, after: 1_500, way: 'kill' });
      const ids = await Promise.all(innocent);

      const { last, crashes } = await keepUp(first);

      process.stdout.write(`slowly: ${crashes} crashes\n`);
      expect(crashes).toBeLessThanOrEqual(8);
      expect((await last.executions('status=succeeded')).map(({ id }) => id).sort()).toEqual(ids.sort());
      expect((await last.ask(`/executions/${culprit}`)).body).toMatchObject({ status: 'failed' });
    });

  it('is taken up after the application listens, and named before', async () => {
    const first = await start();
    const id = await first.submit('poison', { ms: 1, beside: 1, way: 'kill' });
    await first.ended;

    const second = await start();
    await second.ended;

    const lineOf = (text: string) => second.log.findIndex((line) => line.includes(text));
    expect(lineOf(id)).toBeGreaterThan(lineOf('listening on'));
  });

  it('is left alone where nothing is taken up, and can be cancelled or let go on by hand', async () => {
    const first = await start();
    const culprit = await first.submit('poison', { ms: 1, beside: 2, after: 300, way: 'kill' });
    const innocent = await first.submit('steps', { ms: 1_000 });
    await first.ended;

    const second = await start({ resume: false });
    const before = effectsIn(options.effects).length;
    const fresh = await second.ask('/workflows/steps/executions?wait=20s', { ms: 1 });
    expect(fresh.body).toMatchObject({ status: 'succeeded' });
    expect(effectsIn(options.effects).length).toBe(before + 3);
    expect((await second.ask(`/executions/${culprit}/cancel`, {})).status).toBe(200);
    expect((await second.ask(`/executions/${innocent}/resume`, {})).status).toBe(202);

    expect(await second.untilNothingIsUnfinished()).toBe(true);
    expect((await second.ask(`/executions/${innocent}`)).body).toMatchObject({ status: 'succeeded' });
  });
});

describe('an execution whose process is ended', () => {
  const run = async (replica: Replica) => {
    const id = await replica.submit('steps', { ms: 30_000 });
    await until(() => atWork() === 1, replica.ended);
    return id;
  };
  const begun = (times: number, { ended }: Replica) => until(() => effectsIn(options.effects).length >= times, ended);

  it('by a power cut, with 50 of them at work, is not suspected for longer than to its next checkpoint', async () => {
    const first = await start();
    const ids = await Promise.all(Array.from({ length: 50 }, () => first.submit('steps', { ms: 300 })));
    await until(() => atWork() === 50, first.ended);
    await first.end('SIGKILL');

    const second = await start();
    expect(await second.untilNothingIsUnfinished()).toBe(true);

    const succeeded = await second.executions('status=succeeded');
    expect(succeeded.map(({ id }) => id).sort()).toEqual(ids.sort());
    expect(succeeded.filter(({ crashes }) => crashes !== undefined)).toEqual([]);
  });

  it('in order is never suspected, however often', async () => {
    let replica = await start({ shutdown: '50ms' });
    const id = await run(replica);
    for (let times = 2; times <= 5; times++) {
      await replica.end('SIGTERM');
      replica = await start({ shutdown: '50ms' });
      await begun(times, replica);
    }

    const { body } = await replica.ask(`/executions/${id}`);
    expect(body).toMatchObject({ status: 'running' });
    expect(body['crashes']).toBeUndefined();
  });

  it('in order, and killed because that took too long, is not suspected either', async () => {
    let replica = await start();
    const id = await run(replica);
    for (let times = 2; times <= 5; times++) {
      replica.child.kill('SIGTERM');
      // 409 until it goes: it runs.
      await until(async () => (await replica.ask(`/executions/${id}/resume`, {})).status === 503, replica.ended);
      await replica.end('SIGKILL');
      replica = await start();
      await begun(times, replica);
    }

    const { body } = await replica.ask(`/executions/${id}`);
    expect(body).toMatchObject({ status: 'running' });
    expect(body['crashes']).toBeUndefined();
  });
});
