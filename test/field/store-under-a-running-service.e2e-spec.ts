import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, renameSync, rmSync, statSync, unlinkSync, writeFileSync, writeSync } from 'node:fs'; // prettier-ignore
import { createRequire } from 'node:module';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DeadLetter, ResilienceModule } from '@nest-resilience/core';
import { AdminModule } from '@nest-resilience/core/admin';
import { HealthModule } from '@nest-resilience/core/health';
import { sqliteExecutionStore, sqliteStore } from '@nest-resilience/store-sql';
import { WorkflowModule } from '@nest-resilience/workflow';
import { type INestApplication, Injectable, type LoggerService } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import request from 'supertest';

const TOKEN = 'operator-of-the-store-suite';

@Injectable()
class Orders {
  @DeadLetter('orders')
  async charge(order: string): Promise<void> {
    throw new Error(`${order} failed`);
  }
}

/** A driver whose file may not become longer: what a full disk answers, wherever the suite runs. */
interface Limited {
  exec(sql: string): unknown;
}
const opened: Limited[] = [];
const Libsql = createRequire(import.meta.url)('libsql') as new (file: string) => Limited;
class Watched extends Libsql {
  constructor(file: string) {
    super(file);
    opened.push(this);
  }
}

let directory: string;
let file: string;
let app: INestApplication<Server> | undefined;
let log: string[];

async function boot(): Promise<void> {
  log = [];
  const note = (...said: unknown[]): void => void log.push(said.join(' '));
  const logger: LoggerService = { log: () => undefined, error: (...said: unknown[]) => note('ERROR', ...said), warn: (...said: unknown[]) => note('WARN', ...said) }; // prettier-ignore
  mkdirSync(join(directory, 'workflows'), { recursive: true });
  writeFileSync(join(directory, 'workflows', 'echo.yaml'), 'name: echo\nnodes:\n  say:\n    transform: $.input.text\n');
  const options = { file, driver: Watched as never };
  const module = Test.createTestingModule({
    imports: [
      ResilienceModule.forRoot({
        deadLetter: { store: sqliteStore(options), spillDirectory: join(directory, 'data', 'spill') },
      }),
      AdminModule.forRoot({ token: TOKEN }),
      HealthModule.forRoot({ store: true }),
      WorkflowModule.forRoot({ store: sqliteExecutionStore(options), directory: join(directory, 'workflows') }),
    ],
    providers: [Orders],
  });
  const testing = await module.setLogger(logger).compile();
  app = testing.createNestApplication();
  app.useLogger(logger);
  await app.init();
}

interface Found {
  readonly found: string;
  readonly reason?: string;
  readonly critical: boolean;
  readonly details: { readonly spilling: boolean };
}

const http = () => request(app!.getHttpServer());
const admin = { authorization: `Bearer ${TOKEN}` };
const submit = (text: string) => http().post('/workflows/echo/executions?wait=30s').set(admin).send({ text });
const fail = async (order: string): Promise<string | undefined> =>
  app!.get(Orders).charge(order).then(() => undefined, (error: { deadLetterId?: string }) => error.deadLetterId); // prettier-ignore
const ready = async (): Promise<{ status: number; store: Found }> => {
  const { status, body } = await http().get('/health/ready');
  return { status, store: (body as { details: { store: Found } }).details.store };
};
async function until(met: () => Promise<boolean>): Promise<void> {
  while (!(await met())) await new Promise((resolve) => setTimeout(resolve, 5));
}
const spilled = () => readdirSync(join(directory, 'data', 'spill')).map((name) => readFileSync(join(directory, 'data', 'spill', name), 'utf8')).join(''); // prettier-ignore

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'store-under-'));
  file = join(directory, 'data', 'all.db');
});

afterEach(async () => {
  await app?.close();
  app = undefined;
  opened.length = 0;
  rmSync(directory, { recursive: true, force: true });
});

describe('a disk that is full', () => {
  const fill = (): unknown => opened[0]!.exec('pragma max_page_count = 1');
  const free = (): unknown => opened[0]!.exec('pragma max_page_count = 100000');

  it('refuses a submit with 503 and when to come again, says so in health, and takes the next once there is room', async () => {
    await boot();
    const before = await submit('first').expect(200);
    fill();

    const refused = [];
    for (let index = 0; index < 5; index++) refused.push(await submit('x'.repeat(50_000)));
    await until(async () => (await ready()).store.found === 'degraded');

    expect(refused.map(({ status, body }) => [status, (body as { code?: string }).code])).toEqual(Array(5).fill([503, 'RESILIENCE_STORE_UNAVAILABLE'])); // prettier-ignore
    expect(refused.every(({ headers }) => Number(headers['retry-after']) > 0)).toBe(true);
    expect(log.join('\n')).toContain('full');
    expect(log.join('\n')).not.toContain('no transaction is active');
    expect((await ready()).status).toBe(200);
    expect((await ready()).store.reason).toContain('full');

    free();

    await submit('x'.repeat(50_000)).expect(200);
    await until(async () => (await ready()).store.found === 'up');
    await http().get(`/executions/${before.body.id}`).set(admin).expect(200);
  });

  it('sends dead letters to the spill, and health knows at once', async () => {
    await boot();
    fill();

    const id = await fail('x'.repeat(60_000));

    expect(spilled()).toContain(String(id));
    await until(async () => (await ready()).store.details.spilling === true);
    expect(await ready()).toMatchObject({ status: 200, store: { found: 'degraded' } });
  });
});

describe.each([
  ['deleted', () => [file, `${file}-wal`, `${file}-shm`].forEach((each) => unlinkSync(each))],
  [
    'replaced',
    () => {
      writeFileSync(`${file}.restored`, readFileSync(file));
      renameSync(`${file}.restored`, file);
    },
  ],
] as const)('a database file that is %s under the process', (what, act) => {
  it('takes nothing any more, is down for good, and loses nothing that is acknowledged from then on', async () => {
    await boot();
    await submit('before').expect(200);
    const known = await fail('before');
    act();

    const refused = await submit('after');
    const id = await fail('after');
    await until(async () => (await ready()).status === 503);

    expect([refused.status, refused.body.code]).toEqual([503, 'RESILIENCE_STORE_UNAVAILABLE']);
    expect(id).not.toBe(known);
    expect(spilled()).toContain(String(id));
    const { store } = await ready();
    expect(store.reason).toContain(`was ${what} under this process`);
    expect([store.found, store.critical]).toEqual(['down', true]);
    const lines = log.filter((line) => line.startsWith('ERROR') && line.includes('all that it held is gone'));
    expect(lines.some((line) => line.includes(file))).toBe(true);
    await http().get('/dead-letters').set(admin).expect(200);

    await app!.close();
    await boot();
    await http().get(`/dead-letters/${id}`).set(admin).expect(200);
    await submit('again').expect(200);
  });
});

describe('a database whose pages were destroyed', () => {
  it('is named by health at the next start', async () => {
    await boot();
    for (let index = 0; index < 60; index++) await fail(`${index} ${'y'.repeat(3_000)}`);
    opened[0]!.exec('pragma wal_checkpoint(truncate)');
    await app!.close();
    const pages = statSync(file).size / 4096;
    const handle = openSync(file, 'r+');
    for (let page = 40; page < pages; page += 3) writeSync(handle, Buffer.alloc(4096, 0xab), 0, 4096, page * 4096);
    closeSync(handle);
    await boot();

    await until(async () => (await ready()).store.found === 'degraded');

    expect((await ready()).store.reason).toMatch(/corrupt|malformed/);
  });
});

describe('what is written', () => {
  it('is for this user alone, whatever the umask', async () => {
    const umask = process.umask(0);
    try {
      await boot();
      await submit('first').expect(200);
      opened[0]!.exec('pragma max_page_count = 1');
      await fail('x'.repeat(60_000));

      const modes =
        ['.', 'spill', ...readdirSync(join(directory, 'data')), ...readdirSync(join(directory, 'data', 'spill')).map((name) => join('spill', name))] // prettier-ignore
          .map((name) => (statSync(join(directory, 'data', name)).mode & 0o777).toString(8));

      expect(modes.length).toBeGreaterThanOrEqual(6);
      expect([...new Set(modes)].sort()).toEqual(['600', '700']);
    } finally {
      process.umask(umask);
    }
  });

  it('is warned of where it is open already, and left as it is', async () => {
    mkdirSync(join(directory, 'data'), { mode: 0o755 });
    writeFileSync(file, '', { mode: 0o644 });

    await boot();

    const warnings = log.filter((line) => line.startsWith('WARN') && line.includes('chmod'));
    expect(warnings.some((line) => line.includes(`chmod 700 '${join(directory, 'data')}'`))).toBe(true);
    expect(warnings.some((line) => line.includes(`chmod 600 '${file}'`))).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o644);
  });
});
