import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DeadLetter, DeadLetterService, DeadLetterWriter, ResilienceModule } from '@nest-resilience/core';
import { HealthModule, HealthRegistry } from '@nest-resilience/core/health';
import { sqliteStore } from '@nest-resilience/store-sql';
import { type INestApplication, Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import request from 'supertest';

@Injectable()
class Orders {
  @DeadLetter('orders')
  async charge(order: string): Promise<void> {
    throw new Error(`bank is down for ${order}`);
  }
}

let directory: string;
let file: string;
let spillDirectory: string;
let app: INestApplication | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'refused-'));
  file = join(directory, 'dead-letters.db');
  spillDirectory = join(directory, 'spill');
});

afterEach(async () => {
  await app?.close();
  rmSync(directory, { recursive: true, force: true });
});

async function boot(): Promise<INestApplication> {
  const module = await Test.createTestingModule({
    imports: [
      ResilienceModule.forRoot({ deadLetter: { store: sqliteStore({ file }), spillDirectory, storeTimeout: '2s' } }),
      HealthModule.forRoot({ eventLoop: false, store: true }),
    ],
    providers: [Orders],
  }).compile();
  app = await module.createNestApplication({ logger: false }).init();
  return app;
}

/**
 * By hand, in the database itself: as a column that is too narrow or a constraint would. In another process: two libraries of SQLite in
 * one would take each other's locks away.
 */
function execute(statement: string): void {
  const program = `const database = new (require('libsql'))(${JSON.stringify(file)}); database.exec(${JSON.stringify(statement)});`;
  execFileSync(process.execPath, ['-e', program]);
}

const REFUSE = `create trigger refuse before insert on resilience_dead_letters when new.args like '%too large%'
  begin select raise(abort, 'value too large'); end`;

async function fail(running: INestApplication, order: string): Promise<string> {
  const error = await running.get(Orders).charge(order).catch((reason: unknown) => reason); // prettier-ignore
  expect(error).toMatchObject({ message: `bank is down for ${order}`, deadLetterId: expect.any(String) });
  return (error as { deadLetterId: string }).deadLetterId;
}

async function idsIn(running: INestApplication): Promise<string[]> {
  return (await running.get(DeadLetterService).list({ order: 'oldest' })).items.map(({ id }) => id);
}

/** A call to `readBack` may join a round that began before the last entry was spilled. */
async function readAllBack(running: INestApplication): Promise<void> {
  const writer = running.get(DeadLetterWriter);
  while (writer.degraded) await writer.readBack();
}

async function storeHealth(running: INestApplication) {
  await running.get(HealthRegistry).run('store');
  const { body } = await request(running.getHttpServer() as never).get('/health/ready');
  return (body as { info: { store: unknown } }).info.store;
}

describe('an entry that the store always refuses', () => {
  it('holds up no other, is kept in a file of its own, and health says so until it can be read in', async () => {
    const running = await boot();
    execute(REFUSE);
    const bad = await fail(running, 'too large');
    const behind = [await fail(running, 'A-1'), await fail(running, 'A-2')];

    await readAllBack(running);

    expect(await idsIn(running)).toEqual(behind);
    expect(readdirSync(spillDirectory)).toEqual([`${bad}.refused`]);
    expect(JSON.parse(readFileSync(join(spillDirectory, `${bad}.refused`), 'utf8'))).toMatchObject({ id: bad });
    expect(running.get(DeadLetterWriter).degraded).toBe(false);
    expect(await storeHealth(running)).toMatchObject({
      ...{ status: 'degraded', reason: expect.stringContaining('refuses 1 dead letters') },
      details: { spilling: false, refused: 1 },
    });

    await running.close();
    execute('drop trigger refuse');
    const next = await boot();

    expect(await idsIn(next)).toEqual([bad, ...behind]);
    expect(readdirSync(spillDirectory)).toEqual([]);
    expect(await storeHealth(next)).toMatchObject({ status: 'up', details: { refused: 0 } });
  });

  it('can be imported from its file', async () => {
    const running = await boot();
    execute(REFUSE);
    const ids = [await fail(running, 'too large'), await fail(running, 'A-1')];
    await readAllBack(running);
    execute('drop trigger refuse');

    const line = readFileSync(join(spillDirectory, `${ids[0]}.refused`), 'utf8');
    const report = await running.get(DeadLetterService).import([line]);

    expect(report).toMatchObject({ added: 1, refusedLines: 0 });
    expect(await idsIn(running)).toEqual(ids);
  });

  it('is not told from a store that takes nothing while it is alone: it waits in the spill', async () => {
    const running = await boot();
    execute(REFUSE);
    await fail(running, 'too large');

    await running.get(DeadLetterWriter).readBack();

    expect(running.get(DeadLetterWriter).degraded).toBe(true);
    expect(readdirSync(spillDirectory)).toEqual([expect.stringMatching(/^spill-.*\.claimed$/)]);
    expect(await storeHealth(running)).toMatchObject({ status: 'degraded', details: { spilling: true, refused: 0 } });
  });

  it('stands behind others just as well, and more of them than a run bears block nothing for ever', async () => {
    const running = await boot();
    execute(REFUSE);
    const bad = await Promise.all(Array.from({ length: 150 }, () => fail(running, 'too large')));
    const behind = await fail(running, 'A-1');

    await readAllBack(running);

    expect(await idsIn(running)).toEqual([behind]);
    expect(readdirSync(spillDirectory).sort()).toEqual(bad.map((id) => `${id}.refused`).sort());
  });
});
