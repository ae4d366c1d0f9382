import { once } from 'node:events';
import { createServer, request as httpRequest, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { Worker } from 'node:worker_threads';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { FrontDoor } from './front-door.js';

const CLIENTS = 20;

let server: Server;
let door: FrontDoor;
let port: number;

beforeEach(async () => {
  server = createServer((request, response) => door.guard(request, response, () => response.end('served')));
  door = new FrontDoor(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
});

afterEach(async () => {
  const gone = closed();
  door.cut();
  await gone;
});

const closed = () => new Promise<void>((resolve) => void server.close(() => resolve()));

/** Clients that have connected and asked, of which this thread has seen nothing: it stood still meanwhile. */
function clientsInTheQueue(request: string): Promise<string[]> {
  const flag = new SharedArrayBuffer(4);
  const waiting = new Int32Array(flag);
  const worker = new Worker(new URL('connecting-clients.fixture.mjs', import.meta.url), {
    workerData: { port, clients: CLIENTS, flag, request },
  });
  const answers = once(worker, 'message').then(async ([messages]) => {
    await worker.terminate();
    return messages as string[];
  });
  for (let seen = 0; seen < CLIENTS; seen = Atomics.load(waiting, 0)) Atomics.wait(waiting, 0, seen, 100);
  return answers;
}

describe('The front door of a process that leaves', () => {
  it.each([
    ['GET /orders HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['POST /orders HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}'],
    ['GET /orders HTTP/1.1\r\nhost: x\r\nconnection: keep-alive\r\n\r\n'],
  ])('lets in whom the kernel has accepted, and tells each to go elsewhere: %j', async (request) => {
    door.shut();

    const answers = clientsInTheQueue(request);
    await closed();

    for (const answer of await answers) {
      expect(answer).toMatch(/^HTTP\/1\.1 503 /);
      expect(answer).toMatch(/^connection: close\r$/im);
      expect(answer).toMatch(/^retry-after: 1\r$/im);
      expect(answer).toMatch(/"code":"RESILIENCE_SHUTDOWN"/);
    }
  });

  it('answers who is still sending, and ends the connection only when all of it has come', async () => {
    door.shut();
    const client = httpRequest({ port, method: 'POST', path: '/orders' });
    client.write('{');

    const [response] = (await once(client, 'response')) as [{ statusCode: number } & NodeJS.ReadableStream];
    client.end('}');

    expect(response.statusCode).toBe(503);
    await once(response.resume(), 'end');
    await closed();
  });

  it('lets probes through', async () => {
    door.shut();

    const probe = await fetch(`http://127.0.0.1:${port}/health/live`);

    expect(await probe.text()).toBe('served');
  });

  it('serves everybody before', async () => {
    expect(await (await fetch(`http://127.0.0.1:${port}/orders`)).text()).toBe('served');
  });

  it.each<[string, string]>([
    ['has said nothing yet', ''],
    ['does not come to the end of its headers', 'GET /orders HTTP/1.1\r\nhost'],
    ['does not come to the end of its body', 'POST /orders HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{'],
  ])('cuts a client that %s', async (_, sent) => {
    const client = connect(port, '127.0.0.1').on('error', () => undefined);
    await once(server, 'connection');
    if (sent !== '') client.write(sent);
    const gone = once(client, 'close');

    door.cut();

    await gone;
    await closed();
  });

  it('cuts a connection that was upgraded, which Node itself forgets', async () => {
    server.on('upgrade', (_request, socket) => void socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n'));
    const client = connect(port, '127.0.0.1').on('error', () => undefined);
    client.write('GET /ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: test\r\n\r\n');
    await once(client, 'data');
    const gone = once(client, 'close');

    door.cut();

    await gone;
  });
});
