import 'reflect-metadata';

import { once } from 'node:events';

import { describe } from '@jest/globals';
import { Attempt, type AttemptContext, CircuitBreaker, ResilienceModule, Retry } from '@nest-resilience/core';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { WebSocket } from 'ws';

import { countsOnceForClients } from './counted-once.js';
import { PATIENT, TWICE, Work } from './work.js';

abstract class Gateway {
  constructor(protected readonly work: Work) {}

  @SubscribeMessage('fine')
  @Retry(TWICE)
  async fine(): Promise<object> {
    return { event: 'answer', data: await this.work.run(this, 'fine') };
  }

  @Retry(TWICE)
  @SubscribeMessage('retried')
  async retried(): Promise<object> {
    return { event: 'answer', data: await this.work.run(this, 'retried') };
  }
}

@WebSocketGateway()
class Shop extends Gateway {
  constructor(work: Work) {
    super(work);
  }

  @SubscribeMessage('failing')
  @Retry(TWICE)
  @CircuitBreaker(PATIENT)
  failing(): Promise<string> {
    return this.work.run(this, 'failing');
  }

  @SubscribeMessage('mixed')
  @CircuitBreaker(PATIENT)
  async mixed(): Promise<object> {
    return { event: 'answer', data: await this.work.run(this, 'mixed') };
  }

  @SubscribeMessage('waiting')
  @Retry(TWICE)
  waiting(@Attempt() attempt?: AttemptContext): Promise<string> {
    return this.work.wait(this, attempt);
  }
}

@Module({ providers: [Shop, Work], imports: [ResilienceModule.forRoot()] })
class Root {}

describe('The only application of a process, a WebSocket gateway', () => {
  countsOnceForClients(['Shop'], async () => {
    const app = await NestFactory.create(Root, { logger: false });
    app.useWebSocketAdapter(new WsAdapter(app));
    await app.listen(0, '127.0.0.1');
    const url = (await app.getUrl()).replace('http', 'ws');
    const connect = async (event: string): Promise<WebSocket> => {
      const client = new WebSocket(url);
      await once(client, 'open');
      client.send(JSON.stringify({ event, data: null }));
      return client;
    };
    return {
      app,
      call: async (_, event) => {
        const client = await connect(event);
        await once(client, 'message');
        client.terminate();
      },
      wait: () => {
        const client = connect('waiting');
        return () => void client.then((socket) => socket.terminate());
      },
    };
  });
});
