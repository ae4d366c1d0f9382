import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { freePort } from '../servers/port.js';
import { requireBuilt } from './built.js';
import { type ServiceProcess, startService } from './service-process.js';

const TOKEN = 'only-for-this-test';
const AUTHORIZED = { authorization: `Bearer ${TOKEN}` };
const MIB = 1_048_576;

let directory: string;
let service: ServiceProcess;
let sockets: Socket[];

beforeAll(() => requireBuilt('resilience', 'store-sql', 'workflow', 'llm'));

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'doors-'));
  sockets = [];
});

afterEach(() => {
  for (const socket of sockets) socket.destroy();
  service.child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

const start = async (env: Record<string, string> = {}): Promise<void> => {
  service = await startService({ ADMIN_TOKEN: TOKEN, DATA_DIR: directory, ...env });
};

/** Milliseconds of each answer of the liveness probe while something is done. */
async function livenessDuring(act: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  let going = true;
  const probing = (async () => {
    while (going) {
      const from = performance.now();
      await (await fetch(`${service.url}/health/live`)).arrayBuffer();
      times.push(performance.now() - from);
      await pause(20);
    }
  })();
  await act();
  going = false;
  await probing;
  return times.sort((a, b) => a - b);
}

const residentMb = () =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${service.child.pid}/status`, 'utf8'))?.[1]) / 1_024;

async function open(port: number, sent: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  sockets.push(socket);
  await once(socket, 'connect').catch(() => undefined);
  socket.write(sent);
  return socket;
}

const figures = (text: string): void => void process.stdout.write(`${text}\n`);
const at = (sorted: readonly number[], share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;

describe('the doors of the service', () => {
  it('8 clients that send 1 MB of brackets without a token leave the rest of it quick', async () => {
    await start();
    const body = '['.repeat(MIB - 1_024);
    const statuses = new Map<number, number>();
    const send = async (token?: string) => {
      const headers = { 'content-type': 'application/json', ...(token && { authorization: token }) };
      const { status } = await fetch(`${service.url}/dead-letters/purge`, { method: 'POST', headers, body });
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    };
    const many = (token?: string) => () =>
      Promise.all(Array.from({ length: 8 }, async () => { for (let n = 0; n < 7; n++) await send(token); })); // prettier-ignore

    const closed = await livenessDuring(many());
    const parsed = await livenessDuring(many(AUTHORIZED.authorization));

    figures(
      `56 bodies of 1 MB: without the token live p50 ${at(closed, 0.5).toFixed(0)} ms, worst ${at(closed, 1).toFixed(0)} ms; ` +
        `with it (parsed) p50 ${at(parsed, 0.5).toFixed(0)} ms, worst ${at(parsed, 1).toFixed(0)} ms; ${JSON.stringify([...statuses])}`,
    );
    expect(statuses).toEqual(new Map([[401, 56], [400, 56]])); // prettier-ignore
    expect(at(closed, 0.5)).toBeLessThan(at(parsed, 0.5));
  });

  it('600 connections with 990 kB of a message that does not end hold no more than their bound, and are gone', async () => {
    const port = await freePort();
    await start({ TRANSPORT: 'tcp', TCP_PORT: String(port), TCP_FRAME_TIMEOUT: '3s' });
    const before = residentMb();
    const frame = `1000000#${'['.repeat(990_000)}`;
    let most = before;

    const live = await livenessDuring(async () => {
      for (let n = 0; n < 600; n += 20) {
        await Promise.all(Array.from({ length: 20 }, () => open(port, frame)));
        most = Math.max(most, residentMb());
      }
      await Promise.all(sockets.filter(({ destroyed }) => !destroyed).map((socket) => once(socket, 'close')));
    });

    figures(
      `600 x 990 kB unfinished: RSS ${before.toFixed(0)} -> most ${most.toFixed(0)} MB -> ${residentMb().toFixed(0)} MB after; ` +
        `live p50 ${at(live, 0.5).toFixed(0)} ms, worst ${at(live, 1).toFixed(0)} ms`,
    );
    // 600 MB came in; 32 MiB of it are held, in texts that are thrown away when memory is short.
    expect(most - before).toBeLessThan(300);
    expect(sockets.every(({ destroyed }) => destroyed)).toBe(true);
  });

  it('1,000 slow bodies and 1,000 slow headers are cut in time, and hold up no end', async () => {
    await start({ HTTP_HEADERS_TIMEOUT: '2s', HTTP_REQUEST_TIMEOUT: '2s', SHUTDOWN_TIMEOUT: '2s' });
    const port = Number(new URL(service.url).port);
    const head = 'POST /dead-letters/purge HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';
    const from = performance.now();

    const live = await livenessDuring(async () => {
      for (let n = 0; n < 20; n++) {
        await Promise.all(Array.from({ length: 50 }, () => open(port, `${head}content-length: 9000\r\n\r\n{`)));
        await Promise.all(Array.from({ length: 50 }, () => open(port, head)));
      }
      for (const socket of sockets) socket.resume();
      await Promise.all(sockets.filter(({ destroyed }) => !destroyed).map((socket) => once(socket, 'close')));
    });
    const cutAfter = performance.now() - from;
    await Promise.all(Array.from({ length: 50 }, () => open(port, `${head}content-length: 9000\r\n\r\n{`)));
    const told = performance.now();
    service.child.kill('SIGTERM');
    const { code } = await service.ended;

    figures(
      `2,000 slow connections: all cut ${cutAfter.toFixed(0)} ms after the first; live p50 ${at(live, 0.5).toFixed(0)} ms, ` +
        `worst ${at(live, 1).toFixed(0)} ms; SIGTERM with 50 slow bodies: ${(performance.now() - told).toFixed(0)} ms, code ${code}`,
    );
    expect(code).toBe(0);
  });

  it('lets in as many followers of events as it can serve', async () => {
    await start();
    const follow = () =>
      open(
        Number(new URL(service.url).port),
        `GET /resilience/events?follow=true HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKEN}\r\n\r\n`,
      );
    const answers: string[] = [];
    const live = await livenessDuring(async () => {
      const following = await Promise.all(Array.from({ length: 1_000 }, follow));
      const first = following.map(async (socket) => String(((await once(socket, 'data')) as [Buffer])[0]));
      for (const text of await Promise.all(first)) answers.push(text.slice(9, 12));
    });

    const counts = [200, 503].map((status) => answers.filter((answer) => answer === String(status)).length);
    figures(
      `1,000 that want to follow: ${counts[0]} let in, ${counts[1]} answered 503; live p50 ${at(live, 0.5).toFixed(0)} ms, worst ${at(live, 1).toFixed(0)} ms`,
    );
    expect(counts).toEqual([200, 800]);
  });
});
