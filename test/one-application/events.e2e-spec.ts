import 'reflect-metadata';

import { describe } from '@jest/globals';
import { CircuitBreaker, ResilienceModule, ResilienceService, Retry } from '@nest-resilience/core';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventEmitter2, EventEmitterModule, OnEvent } from '@nestjs/event-emitter';

import { until } from '../contract/lane.js';
import { countsOnce } from './counted-once.js';
import { PATIENT, TWICE, Work } from './work.js';

@Injectable()
class Listener {
  constructor(private readonly work: Work) {}

  @OnEvent('fine')
  @Retry(TWICE)
  fine(): Promise<string> {
    return this.work.run(this, 'fine');
  }

  @Retry(TWICE)
  @OnEvent('retried')
  retried(): Promise<string> {
    return this.work.run(this, 'retried');
  }

  @OnEvent('failing')
  @Retry(TWICE)
  @CircuitBreaker(PATIENT)
  failing(): Promise<string> {
    return this.work.run(this, 'failing');
  }

  @OnEvent('mixed')
  @CircuitBreaker(PATIENT)
  mixed(): Promise<string> {
    return this.work.run(this, 'mixed');
  }
}

@Module({ imports: [EventEmitterModule.forRoot(), ResilienceModule.forRoot()], providers: [Listener, Work] })
class Root {}

describe('The only application of a process, listeners of events', () => {
  countsOnce(['Listener'], async () => {
    const app = await NestFactory.createApplicationContext(Root, { logger: false });
    const total = (method: string): number =>
      app.get(ResilienceService).metrics().methods[`Listener.${method}`]?.total ?? 0;
    return {
      app,
      call: async (_, method) => {
        const before = total(method);
        app.get(EventEmitter2).emit(method);
        await until(() => total(method) > before);
      },
    };
  });
});
