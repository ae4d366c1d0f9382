/**
 * The service as a process of its own that is told to end: a second signal of either kind ends it at once, and no client, however
 * slowly it sends or reads, takes it longer than SHUTDOWN_TIMEOUT in all.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { type SourceProcess, startSource } from '../processes/source-process.js';

const TOKEN = 'a-token-for-the-test';
let directory: string;
let service: SourceProcess;
let sockets: Socket[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'leaving-'));
  sockets = [];
});

afterEach(() => {
  for (const socket of sockets) socket.destroy();
  service.child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

async function start(settings: Record<string, string>): Promise<number> {
  const env = { HOST: '127.0.0.1', PORT: '0', TRANSPORT: 'none', DATA_DIR: directory, ADMIN_TOKEN: TOKEN, ...settings };
  service = startSource('src/main.ts', [], env);
  const [, port] = await service.line(/listening on http:\/\/127\.0\.0\.1:(\d+),/);
  return Number(port);
}

/** A client that sends this, and reads nothing unless told to. */
async function client(port: number, sent: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  sockets.push(socket);
  await once(socket, 'connect');
  if (sent !== '') await new Promise<void>((resolve) => void socket.write(sent, () => resolve()));
  return socket;
}

const request = (line: string, ...headers: string[]): string =>
  [`${line} HTTP/1.1`, 'host: service', `authorization: Bearer ${TOKEN}`, ...headers, '', ''].join('\r\n');

describe('A service that is told to end', () => {
  it.each<[NodeJS.Signals, NodeJS.Signals]>([
    ['SIGTERM', 'SIGINT'],
    ['SIGINT', 'SIGTERM'],
  ])('by %s, and ends at once by %s', async (first, second) => {
    await start({ SHUTDOWN_DELAY: '10m' });
    service.child.kill(first);
    await service.line(/not ready from here on/);

    service.child.kill(second);

    expect(await service.ended).toEqual({ code: null, signal: second });
    expect(service.said.filter((line) => line.includes('not ready from here on'))).toHaveLength(1);
  });

  it('is gone after the timeout, however slow its clients are', async () => {
    const timeoutMs = 8_000;
    const port = await start({ SHUTDOWN_TIMEOUT: `${timeoutMs}ms` });
    const headers = request(
      'POST /workflows/inbox-triage/executions',
      'content-type: application/json',
      'content-length: 999',
    );
    await client(port, '');
    await client(port, 'GET /health/live HTTP/1.1\r\nhost: serv');
    await client(port, `${headers}{"raw":`);
    const events = await client(port, request('GET /resilience/events?follow=true'));
    const idle = await client(port, request('GET /health/live'));
    await Promise.all([once(events, 'data'), once(idle, 'data')]);
    const deaf = await client(port, request('GET /openapi-json').repeat(200));
    deaf.pause();
    const toldAt = performance.now();

    service.child.kill('SIGTERM');

    expect(await service.ended).toEqual({ code: 0, signal: null });
    // Far from a second timeout, which is what they got once, and far enough from the first for a busy machine.
    expect(performance.now() - toldAt).toBeLessThan(2 * timeoutMs);
  });

  it('says that it is not ready without a word in its log, and goes on telling that it lives', async () => {
    const port = await start({ SHUTDOWN_DELAY: '10m' });
    const url = `http://127.0.0.1:${port}`;
    service.child.kill('SIGTERM');
    await service.line(/not ready from here on/);

    const ready = await fetch(`${url}/health/ready`);
    const live = await fetch(`${url}/health/live`);

    expect([ready.status, live.status]).toEqual([503, 200]);
    expect(ready.headers.get('connection')).toBe('close');
    expect(service.said.filter((line) => /ERROR|^\s+at /.test(line))).toEqual([]);
  });
});
