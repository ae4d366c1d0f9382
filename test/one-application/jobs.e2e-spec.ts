import 'reflect-metadata';

import { describe } from '@jest/globals';
import { CircuitBreaker, ResilienceModule, ResilienceService, Retry } from '@nest-resilience/core';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Cron, Interval, ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';

import { until } from '../contract/lane.js';
import { countsOnce } from './counted-once.js';
import { PATIENT, TWICE, Work } from './work.js';

const NEW_YEAR = '0 0 1 1 *';
const TWENTY_DAYS_MS = 20 * 24 * 3600 * 1000;

abstract class Nightly {
  constructor(protected readonly work: Work) {}

  @Cron(NEW_YEAR, { name: 'fine' })
  @Retry(TWICE)
  fine(): Promise<string> {
    return this.work.run(this, 'fine');
  }
}

@Injectable()
class Jobs extends Nightly {
  constructor(work: Work) {
    super(work);
  }

  @Retry(TWICE)
  @Cron(NEW_YEAR, { name: 'retried' })
  retried(): Promise<string> {
    return this.work.run(this, 'retried');
  }

  @Cron(NEW_YEAR, { name: 'failing' })
  @Retry(TWICE)
  @CircuitBreaker(PATIENT)
  failing(): Promise<string> {
    return this.work.run(this, 'failing');
  }

  @Interval('mixed', TWENTY_DAYS_MS)
  @CircuitBreaker(PATIENT)
  mixed(): Promise<string> {
    return this.work.run(this, 'mixed');
  }
}

@Module({ imports: [ScheduleModule.forRoot(), ResilienceModule.forRoot()], providers: [Jobs, Work] })
class Root {}

describe('The only application of a process, jobs', () => {
  countsOnce(['Jobs'], async () => {
    const app = await NestFactory.createApplicationContext(Root, { logger: false });
    const scheduler = app.get(SchedulerRegistry);
    const total = (method: string): number =>
      app.get(ResilienceService).metrics().methods[`Jobs.${method}`]?.total ?? 0;
    /** What the timers would do when their time has come. */
    const fire = (method: string): void => {
      if (method !== 'mixed') return void scheduler.getCronJob(method).fireOnTick();
      const interval = scheduler.getInterval<{ _onTimeout(): void }>(method);
      interval._onTimeout();
    };
    return {
      app,
      call: async (_, method) => {
        const before = total(method);
        fire(method);
        await until(() => total(method) > before);
      },
    };
  });
});
