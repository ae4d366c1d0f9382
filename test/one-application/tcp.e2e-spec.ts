import 'reflect-metadata';

import { describe } from '@jest/globals';
import { CircuitBreaker, ResilienceModule, ResilienceService, Retry } from '@nest-resilience/core';
import { Controller, Module, Scope } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientProxyFactory,
  EventPattern,
  MessagePattern,
  type TcpClientOptions,
  Transport,
} from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';

import { until } from '../contract/lane.js';
import { freePort } from '../servers/port.js';
import { countsOnce } from './counted-once.js';
import { PATIENT, TWICE, Work } from './work.js';

@Controller()
class Shop {
  constructor(private readonly work: Work) {}

  @MessagePattern('Shop.fine')
  @Retry(TWICE)
  fine(): Promise<string> {
    return this.work.run(this, 'fine');
  }

  @Retry(TWICE)
  @MessagePattern('Shop.retried')
  retried(): Promise<string> {
    return this.work.run(this, 'retried');
  }

  @MessagePattern('Shop.failing')
  @Retry(TWICE)
  @CircuitBreaker(PATIENT)
  failing(): Promise<string> {
    return this.work.run(this, 'failing');
  }

  @MessagePattern('Shop.mixed')
  @CircuitBreaker(PATIENT)
  mixed(): Promise<string> {
    return this.work.run(this, 'mixed');
  }
}

/** Hears events, which nobody answers, with an instance for each. */
@Controller({ scope: Scope.REQUEST })
@Retry(TWICE)
@CircuitBreaker(PATIENT)
class Listener {
  constructor(private readonly work: Work) {}

  @EventPattern('Listener.fine')
  fine(_data: object): Promise<string> {
    return this.work.run(this, 'fine');
  }

  @EventPattern('Listener.retried')
  retried(_data: object): Promise<string> {
    return this.work.run(this, 'retried');
  }

  @EventPattern('Listener.failing')
  failing(_data: object): Promise<string> {
    return this.work.run(this, 'failing');
  }

  @EventPattern('Listener.mixed')
  @Retry(0)
  mixed(_data: object): Promise<string> {
    return this.work.run(this, 'mixed');
  }
}

@Module({ controllers: [Shop, Listener], providers: [Work], imports: [ResilienceModule.forRoot()] })
class Root {}

describe('The only application of a process, a TCP microservice', () => {
  countsOnce(['Shop', 'Listener'], async () => {
    const address: TcpClientOptions = {
      transport: Transport.TCP,
      options: { host: '127.0.0.1', port: await freePort() },
    };
    const app = await NestFactory.createMicroservice(Root, { ...address, logger: false });
    await app.listen();
    const client = ClientProxyFactory.create(address);
    const ended = (handler: string): number => app.get(ResilienceService).metrics().methods[handler]?.total ?? 0;
    return {
      app,
      call: async (name, method) => {
        const handler = `${name}.${method}`;
        if (name === 'Shop') return void (await lastValueFrom(client.send(handler, {})).catch(() => undefined));
        const before = ended(handler);
        await lastValueFrom(client.emit(handler, {}), { defaultValue: undefined });
        await until(() => ended(handler) > before);
      },
      close: () => void client.close(),
    };
  });
});
