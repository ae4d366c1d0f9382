import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { mysqlStore, postgresStore } from '@nest-resilience/store-sql';

let server: Server;
const sockets = new Set<Socket>();

beforeEach(async () => {
  server = createServer((socket) => sockets.add(socket.resume().on('error', () => undefined)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

const address = () => `app:secret@127.0.0.1:${(server.address() as AddressInfo).port}/app`;

it.each([
  ['postgresStore', () => postgresStore({ url: `postgres://${address()}` })],
  ['mysqlStore', () => mysqlStore({ url: `mysql://${address()}` })],
])('%s gives up a server that accepts connections and never says a word', async (_, make) => {
  const store = make();

  const answer = await store.count().catch((error: unknown) => error);
  await store.close?.();

  expect(answer).toBeInstanceOf(Error);
  expect(String(answer)).not.toContain('secret');
});
