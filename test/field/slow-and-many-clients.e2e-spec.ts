/**
 * Clients that never come to the end of what they send, and more of them than anybody needs. Node gives headers a minute and bodies
 * five, and counts nobody; Nest's TCP server lets a frame go on for as long as a byte comes now and then.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, describe, expect, it } from '@jest/globals';

import { type SourceProcess, startSource } from '../processes/source-process.js';
import { freePort } from '../servers/port.js';

const TOKEN = 'a-token-for-the-test';
const AUTHORIZED = `authorization: Bearer ${TOKEN}`;

const sockets: Socket[] = [];
let port: number;
let tcpPort: number;

interface Running {
  readonly service: SourceProcess;
  readonly directory: string;
  readonly ports: readonly [http: number, tcp: number];
}

const running = new Map<string, Promise<Running>>();

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

afterAll(async () => {
  for (const { service, directory } of await Promise.all(running.values())) {
    service.child.kill('SIGKILL');
    await service.ended;
    rmSync(directory, { recursive: true, force: true });
  }
});

/** The service with these settings: one for all tests that ask for the same. */
async function start(settings: Record<string, string>): Promise<void> {
  const key = JSON.stringify(settings);
  const known = running.get(key) ?? run(settings);
  running.set(key, known);
  [port, tcpPort] = (await known).ports;
}

async function run(settings: Record<string, string>): Promise<Running> {
  const directory = mkdtempSync(join(tmpdir(), 'slow-clients-'));
  const tcp = await freePort();
  const env = { HOST: '127.0.0.1', PORT: '0', TCP_PORT: String(tcp), DATA_DIR: directory, ADMIN_TOKEN: TOKEN };
  const service = startSource('src/main.ts', [], { ...env, ...settings });
  const [, http] = await service.line(/listening on http:\/\/127\.0\.0\.1:(\d+),/);
  return { service, directory, ports: [Number(http), tcp] };
}

const IMPATIENT = { HTTP_HEADERS_TIMEOUT: '500ms', HTTP_REQUEST_TIMEOUT: '500ms', TCP_FRAME_TIMEOUT: '500ms' };
const FEW = { HTTP_CONNECTIONS: '3', TCP_CONNECTIONS: '2' };

interface Client {
  readonly socket: Socket;
  /** All that came until the other side ended the connection. */
  readonly ended: Promise<string>;
}

async function client(to: number, sent = ''): Promise<Client> {
  const socket = connect(to, '127.0.0.1').on('error', () => undefined);
  sockets.push(socket);
  await once(socket, 'connect');
  const parts: Buffer[] = [];
  socket.on('data', (part: Buffer) => parts.push(part));
  const ended = new Promise<string>((resolve) => socket.once('close', () => resolve(Buffer.concat(parts).toString())));
  if (sent !== '') socket.write(sent);
  return { socket, ended };
}

const head = (line: string, ...headers: string[]) => [`${line} HTTP/1.1`, 'host: x', ...headers, '', ''].join('\r\n');
const frame = (message: object) => `${JSON.stringify(message).length}#${JSON.stringify(message)}`;

/** Goes on sending one byte after the other, as long as anybody takes it. */
function drip({ socket }: Client, everyMs: number): () => boolean {
  const timer = setInterval(() => socket.write(' '), everyMs);
  socket.once('close', () => clearInterval(timer));
  return () => !socket.destroyed;
}

describe('An HTTP client', () => {
  it('that does not come to the end of its headers is told so and cut', async () => {
    await start(IMPATIENT);

    const silent = await client(port);
    const slow = await client(port, 'GET /health/live HTTP/1.1\r\nhost: x\r\n');

    expect(await silent.ended).toMatch(/^(HTTP\/1.1 408|$)/);
    expect(await slow.ended).toMatch(/^HTTP\/1.1 408/);
  });

  it.each([
    ['an open route', 'POST /nowhere'],
    ['a closed route', 'POST /dead-letters/purge'],
  ])(
    'that does not come to the end of its body, sent to %s without a token, is cut however it drips',
    async (_, line) => {
      await start(IMPATIENT);

      const slow = await client(port, head(line, 'content-type: application/json', 'content-length: 9000'));
      drip(slow, 20);

      expect(await slow.ended).toMatch(/^HTTP\/1.1 (401|404|408)/);
    },
  );

  it('with the token may take its time, as long as something comes: an import', async () => {
    await start(IMPATIENT);
    const type = 'content-type: application/x-ndjson';
    const importing = await client(port, head('POST /dead-letters/import', AUTHORIZED, type, 'content-length: 200'));
    const stalled = await client(port, head('POST /dead-letters/import', AUTHORIZED, type, 'content-length: 200'));
    const connected = drip(importing, 10);

    const cut = await stalled.ended;
    const [answer] = (await once(importing.socket, 'data')) as [Buffer];

    expect(cut).toMatch(/^HTTP\/1.1 408/);
    expect(connected()).toBe(true);
    expect(answer.toString()).toMatch(/^HTTP\/1.1 200/);
  });

  it('that waits for an answer, or follows events, is not meant', async () => {
    await start(IMPATIENT);
    const following = await client(port, head('GET /resilience/events?follow=true', AUTHORIZED));
    await once(following.socket, 'data');
    const slow = await client(port, head('POST /nowhere', 'content-type: application/json', 'content-length: 9'));

    await slow.ended;

    expect(following.socket.destroyed).toBe(false);
  });

  it('beyond the number of connections is not let in, until another has left', async () => {
    await start(FEW);
    const first = await Promise.all([client(port), client(port), client(port)]);

    const fourth = await client(port, head('GET /health/live'));
    const refused = await fourth.ended;
    first[0].socket.destroy();
    await first[0].ended;
    // The server hears of it a little later.
    let later: Response | undefined;
    while (!later) later = await fetch(`http://127.0.0.1:${port}/health/live`).catch(() => undefined);

    expect(refused).toBe('');
    expect(later.status).toBe(200);
  });
});

describe('A TCP client', () => {
  const START = { pattern: 'workflows.list', id: '1', data: { token: TOKEN } };

  it('that does not come to the end of a frame is cut, however it drips', async () => {
    await start(IMPATIENT);

    const stalled = await client(tcpPort, '900#{"a":');
    const unsized = await client(tcpPort, '9');
    const dripping = await client(tcpPort, '900#{"a":');
    drip(dripping, 20);

    expect(await Promise.all([stalled.ended, unsized.ended, dripping.ended])).toEqual(['', '', '']);
  });

  it('that is idle between whole frames stays, also behind one that came in pieces', async () => {
    await start(IMPATIENT);
    const honest = await client(tcpPort);
    const text = frame(START);
    honest.socket.write(text.slice(0, 20));
    honest.socket.write(text.slice(20) + text.slice(0, 5));
    honest.socket.write(text.slice(5));
    await once(honest.socket, 'data');
    const stalled = await client(tcpPort, '900#{"a":');

    await stalled.ended;
    honest.socket.write(text);
    const [answer] = (await once(honest.socket, 'data')) as [Buffer];

    expect(answer.toString()).toContain('inbox-triage');
  });

  it('with the oldest unfinished frame makes room for the others when all of them are too large together', async () => {
    await start({ TCP_UNFINISHED: '100000', BODY_LIMIT: '60000', TCP_FRAME_TIMEOUT: '10m' });
    const oldest = await client(tcpPort, `60000#${'['.repeat(45_000)}`);
    const second = await client(tcpPort, `60000#${'['.repeat(45_000)}`);

    const third = await client(tcpPort, `60000#${'['.repeat(45_000)}`);
    await oldest.ended;
    const honest = await client(tcpPort, frame(START));
    await once(honest.socket, 'data');

    expect([second.socket.destroyed, third.socket.destroyed, honest.socket.destroyed]).toEqual([false, false, false]);
  });

  it('beyond the number of connections is not let in', async () => {
    await start(FEW);
    await Promise.all([client(tcpPort), client(tcpPort)]);

    const third = await client(tcpPort, frame(START));

    expect(await third.ended).toBe('');
  });
});
