import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, type INestApplication, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { type ClientProxy, ClientProxyFactory, MessagePattern, Transport } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';

import { readConfiguration } from '../configuration/configuration.js';
import { startTransport } from './start-transport.js';

let ready = false;

@Injectable()
class Slow implements OnApplicationBootstrap {
  onApplicationBootstrap(): void {
    ready = true;
  }
}

@Controller()
class Asked {
  @MessagePattern('ready')
  ready(): boolean {
    return ready;
  }
}

let app: INestApplication;
let client: ClientProxy | undefined;

afterEach(async () => {
  await client?.close();
  await app.close();
});

describe('the start of the transport', () => {
  it('takes no message before the application can work on it', async () => {
    const module = await Test.createTestingModule({ controllers: [Asked], providers: [Slow] }).compile();
    app = module.createNestApplication({ logger: false });
    const server = app.connectMicroservice({ transport: Transport.TCP, options: { host: '127.0.0.1', port: 0 } });

    await startTransport(app, readConfiguration({}));

    const { port } = server.unwrap<{ address(): { port: number } }>().address();
    client = ClientProxyFactory.create({ transport: Transport.TCP, options: { host: '127.0.0.1', port } });
    const answer = await new Promise((resolve, reject) =>
      client?.send<boolean>('ready', {}).subscribe({ next: resolve, error: reject }),
    );
    expect(answer).toBe(true);
  });
});
