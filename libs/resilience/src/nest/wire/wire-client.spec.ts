import { EventEmitter } from 'node:events';

import { describe, expect, it } from '@jest/globals';
import type { ExecutionContext } from '@nestjs/common';

import { clientOf, type WireClient } from './wire-client.js';

/** socket.io is not installed here; what its sockets offer is this much. */
class SocketIoSocket extends EventEmitter {
  connected = true;

  disconnect(): void {
    this.connected = false;
    this.emit('disconnect', 'transport close');
  }
}

class Response extends EventEmitter {
  writableFinished = false;
  destroyed = false;
  writeHead(): void {}

  close(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

function context(type: string, ...args: unknown[]): ExecutionContext {
  return { getType: () => type, getArgByIndex: (index: number) => args[index] } as unknown as ExecutionContext;
}

/** How often somebody was told that the client went away. */
function watched(client: WireClient | undefined): { readonly told: () => number; readonly stop: () => void } {
  let told = 0;
  const stop = client?.onGone(() => void told++);
  return { told: () => told, stop: () => stop?.() };
}

describe('Who waits for an answer', () => {
  it('a client of socket.io is gone when it disconnects', () => {
    const socket = new SocketIoSocket();
    const client = clientOf(context('ws', socket, 'data'));
    const { told } = watched(client);

    expect(client?.gone()).toBe(false);
    socket.disconnect();

    expect(client?.gone()).toBe(true);
    expect(told()).toBe(1);
  });

  it('a hundred messages share one listener, and those that were answered hear nothing', () => {
    const socket = new SocketIoSocket();
    const messages = Array.from({ length: 100 }, () => watched(clientOf(context('ws', socket))));
    for (const { stop } of messages.slice(0, 99)) stop();

    expect(socket.listenerCount('disconnect')).toBe(1);
    socket.disconnect();

    expect(messages.map(({ told }) => told()).reduce((sum, count) => sum + count, 0)).toBe(1);
  });

  it('a response that was finished before it closed had its client until the end', () => {
    const response = new Response();
    const client = clientOf(context('http', {}, response));
    const { told } = watched(client);
    response.writableFinished = true;

    response.close();

    expect([client?.gone(), told()]).toEqual([false, 0]);
  });

  it.each<[string, (response: Response) => unknown[]]>([
    ["Fastify's reply", (response) => [{}, { raw: response }]],
    ["Express' response", (response) => [{}, response]],
  ])('over HTTP it is behind %s', (_, args) => {
    const response = new Response();
    const { told } = watched(clientOf(context('http', ...args(response))));

    response.close();

    expect(told()).toBe(1);
  });

  it.each<[string, (response: Response) => object]>([
    ['the reply that Mercurius gives', (response) => ({ reply: { raw: response } })],
    ['the res that an application gives', (response) => ({ res: response })],
    ["Express' req", (response) => ({ req: { res: response } })],
  ])('over GraphQL it is behind %s', (_, graphql) => {
    const response = new Response();
    const { told } = watched(clientOf(context('graphql', {}, {}, graphql(response), {})));

    response.close();

    expect(told()).toBe(1);
  });

  it.each<[string, ExecutionContext]>([
    ['a message between services', context('rpc', {}, {})],
    ['a GraphQL subscription', context('graphql', {}, {}, { pubsub: {} })],
    ['a resolver without a context', context('graphql')],
    ['a library that says http and has no response', context('http')],
  ])('nobody, for %s', (_, without) => {
    expect(clientOf(without)).toBeUndefined();
  });
});
