import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DeadLetter, DeadLetterService, DeadLetterWriter, ResilienceModule } from '@nest-resilience/core';
import { HealthModule, HealthRegistry } from '@nest-resilience/core/health';
import { postgresStore } from '@nest-resilience/store-sql';
import { type INestApplication, Injectable } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { freeze, thaw } from '../servers/freeze.js';
import { freePort } from '../servers/port.js';
import { type DatabaseServer, startPostgres } from '../servers/postgres.server.js';

const CALLS = 200;
/** Opening is given up after 5 s; the rest is the start of an application on a machine that does other things too. */
const STARTED_WITHIN_MS = 15_000;
const CLOSED_WITHIN_MS = 20_000;
/** Most calls: the slowest wait for the disk of a machine that does other things too, which is printed. */
const MEDIAN_CALL_MS = 50;
/** Nobody waits for the store: it was asked to answer within 5 s, and a query within 10. */
const SLOWEST_CALL_MS = 2_000;

@Injectable()
class Orders {
  @DeadLetter('orders')
  async charge(order: string): Promise<void> {
    throw new Error(`bank is down for ${order}`);
  }
}

let directory: string;
let server: DatabaseServer;
const apps: INestApplication[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'store-away-'));
  server = await startPostgres();
});

afterEach(async () => {
  thaw(server.process);
  for (const app of apps.splice(0)) await app.close();
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function boot(url: string): Promise<{ app: INestApplication; startMs: number }> {
  class AppModule {}
  const startedAt = performance.now();
  const app = await NestFactory.create(
    {
      module: AppModule,
      imports: [
        ResilienceModule.forRoot({
          deadLetter: { store: postgresStore({ url }), spillDirectory: join(directory, 'spill') },
        }),
        HealthModule.forRoot({ eventLoop: false, store: true }),
      ],
      providers: [Orders],
    },
    { logger: false, abortOnError: false },
  );
  await app.init();
  apps.push(app);
  return { app, startMs: performance.now() - startedAt };
}

interface Failed {
  readonly ms: number;
  readonly original: boolean;
  readonly id: string | undefined;
}

/** Ten at a time, as requests come. */
async function failMany(app: INestApplication, count: number): Promise<Failed[]> {
  const orders = app.get(Orders);
  const failed: Failed[] = [];
  for (let i = 0; i < count; i += 10) {
    const group = Array.from({ length: 10 }, async (_, n): Promise<Failed> => {
      const startedAt = performance.now();
      const error = await orders.charge(`A-${i + n}`).catch((reason: unknown) => reason);
      const { message, deadLetterId: id } = error as Error & { deadLetterId?: string };
      return { ms: performance.now() - startedAt, original: message === `bank is down for A-${i + n}`, id };
    });
    failed.push(...(await Promise.all(group)));
  }
  return failed;
}

async function idsIn(app: INestApplication): Promise<Set<string>> {
  const ids = new Set<string>();
  let cursor: string | undefined;
  do {
    const page = await app.get(DeadLetterService).list({ limit: 1_000, ...(cursor !== undefined && { cursor }) });
    for (const { id } of page.items) ids.add(id);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return ids;
}

async function healthOfStore(app: INestApplication) {
  const registry = app.get(HealthRegistry);
  await registry.run('store');
  return registry.summary();
}

async function recovered(app: INestApplication): Promise<number> {
  const startedAt = performance.now();
  while (app.get(DeadLetterWriter).degraded) await pause(20);
  return performance.now() - startedAt;
}

function say(what: string, failed: readonly Failed[], rest: string): void {
  const times = failed.map(({ ms }) => ms).sort((a, b) => a - b);
  process.stdout.write(
    `${what}: ${failed.length} calls, ${failed.filter(({ original }) => original).length} got their own error, median ` +
      `${times[times.length >> 1]?.toFixed(1)} ms, slowest ${times.at(-1)?.toFixed(1)} ms; ${rest}\n`,
  );
}

function expectKept(failed: readonly Failed[], ids: ReadonlySet<string>): void {
  expect(failed.every(({ original, id }) => original && id !== undefined)).toBe(true);
  expect(failed.filter(({ id }) => !ids.has(id!))).toEqual([]);
  const times = failed.map(({ ms }) => ms).sort((a, b) => a - b);
  expect(times[times.length >> 1]).toBeLessThan(MEDIAN_CALL_MS);
  expect(times.at(-1)).toBeLessThan(SLOWEST_CALL_MS);
}

describe('an application that starts while PostgreSQL', () => {
  it('stands still begins without it, keeps every call within 50 ms, and has all of them once it goes on', async () => {
    freeze(server.process);

    const { app, startMs } = await boot(server.url);
    const failed = await failMany(app, CALLS);
    const health = await healthOfStore(app);
    thaw(server.process);
    const recoveredMs = await recovered(app);

    const ids = await idsIn(app);
    const after = await healthOfStore(app);
    say(
      'PostgreSQL stopped at boot',
      failed,
      `started in ${startMs.toFixed(0)} ms, recovered in ${recoveredMs.toFixed(0)} ms`,
    );
    expect(startMs).toBeLessThan(STARTED_WITHIN_MS);
    expect([health.status, after.status]).toEqual(['degraded', 'ok']);
    expectKept(failed, ids);
    expect(ids.size).toBe(CALLS);
  });

  it('accepts connections and never says a word does the same', async () => {
    const silent = await silentServer(server.url);
    try {
      const { app, startMs } = await boot(silent.url);
      const failed = await failMany(app, CALLS);
      const health = await healthOfStore(app);
      silent.speak();
      const recoveredMs = await recovered(app);

      const ids = await idsIn(app);
      say(
        'silent server at boot',
        failed,
        `started in ${startMs.toFixed(0)} ms, recovered in ${recoveredMs.toFixed(0)} ms`,
      );
      expect(startMs).toBeLessThan(STARTED_WITHIN_MS);
      expect(health.status).toBe('degraded');
      expectKept(failed, ids);
      await apps.pop()?.close();
    } finally {
      silent.close();
    }
  });

  it('is not there at all does the same', async () => {
    const port = await freePort();

    const { app, startMs } = await boot(`postgres://app@127.0.0.1:${port}/postgres`);
    const failed = await failMany(app, CALLS);
    const health = await healthOfStore(app);
    const closing = performance.now();
    await apps.pop()?.close();
    const closeMs = performance.now() - closing;
    const { app: next } = await boot(server.url);

    say('nobody listens at boot', failed, `started in ${startMs.toFixed(0)} ms, closed in ${closeMs.toFixed(0)} ms`);
    expect(startMs).toBeLessThan(STARTED_WITHIN_MS);
    expect(closeMs).toBeLessThan(CLOSED_WITHIN_MS);
    expect(health.status).toBe('degraded');
    expectKept(failed, await idsIn(next));
  });
});

describe('an application whose PostgreSQL refuses it', () => {
  it('does not start: no waiting mends a wrong name', async () => {
    const url = new URL(server.url);
    url.username = 'somebody';

    await expect(boot(url.href)).rejects.toThrow('role "somebody" does not exist');
  });
});

describe('an application that runs while PostgreSQL stands still', () => {
  it('keeps every call within 50 ms, closes in time, and the next one has all of them', async () => {
    const { app } = await boot(server.url);
    const before = await failMany(app, 20);
    freeze(server.process);

    const failed = await failMany(app, CALLS);
    const health = await healthOfStore(app);
    const closing = performance.now();
    await apps.pop()?.close();
    const closeMs = performance.now() - closing;
    thaw(server.process);
    const { app: next } = await boot(server.url);

    const ids = await idsIn(next);
    say('PostgreSQL stopped under load', failed, `closed in ${closeMs.toFixed(0)} ms`);
    expect(health.status).toBe('degraded');
    expect(closeMs).toBeLessThan(CLOSED_WITHIN_MS);
    expectKept(failed, ids);
    expect(before.every(({ id }) => ids.has(id!))).toBe(true);
    expect(ids.size).toBe(20 + CALLS);
  });

  it('goes on with it when it goes on', async () => {
    const { app } = await boot(server.url);
    freeze(server.process);
    const failed = await failMany(app, CALLS);

    thaw(server.process);
    const recoveredMs = await recovered(app);

    const later = await failMany(app, 10);
    // On a busy machine one of these, too, may have come by way of the spill.
    await recovered(app);
    const ids = await idsIn(app);
    say('PostgreSQL stopped and went on', failed, `recovered in ${recoveredMs.toFixed(0)} ms`);
    expectKept(failed, ids);
    expect(later.every(({ id }) => ids.has(id!))).toBe(true);
    expect(ids.size).toBe(CALLS + 10);
  });
});

/** Takes connections and what they say, and passes it on to the real server only once it is told to. */
async function silentServer(target: string): Promise<{ url: string; speak(): void; close(): void }> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let speaking = false;
  const listener: Server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    if (!speaking) return void socket.resume();
    const real = connect(Number(port), hostname);
    sockets.add(real.on('error', () => undefined));
    socket.pipe(real).pipe(socket);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const url = new URL(target);
  url.port = String((listener.address() as AddressInfo).port);
  return {
    url: url.href,
    speak: () => void (speaking = true),
    close: () => {
      for (const socket of sockets) socket.destroy();
      listener.close();
    },
  };
}
