import 'reflect-metadata';

import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Controller, Injectable, Logger, Module, Scope, type Type } from '@nestjs/common';
import { ModulesContainer, NestFactory } from '@nestjs/core';
import { Test } from '@nestjs/testing';

import { Retry } from '../retry/retry.decorator.js';
import { ResilienceModule } from './resilience.module.js';
import { ResilienceService } from './resilience.service.js';

@Injectable()
class Orders {
  runs = 0;

  @Retry({ maxRetries: 2, strategy: 'immediate' })
  async place(): Promise<number> {
    if (++this.runs < 3) throw new Error('down');
    return Promise.resolve(this.runs);
  }
}

@Controller({ scope: Scope.REQUEST })
class OrdersController {
  @Retry()
  async place(): Promise<string> {
    return Promise.resolve('placed');
  }
}

@Module({ providers: [Orders], controllers: [OrdersController] })
class Unprotected {}

@Module({ providers: [Orders], imports: [ResilienceModule.forRoot()] })
class Shop {}

@Injectable()
class Invoices extends Orders {}

@Module({ providers: [Invoices], imports: [ResilienceModule.forRoot()] })
class Billing {}

@Module({ imports: [Billing, Shop] })
class Both {}

const MISSING = /nothing in this application imports ResilienceModule.*Add ResilienceModule\.forRoot\(\)/;
const TWICE = /^ResilienceModule\.forRoot\(\) is imported 2 times in one application \(by Billing, Shop\)/;

afterEach(() => void jest.restoreAllMocks());

/** What was said while `run` ran. */
async function warnings(run: () => Promise<unknown>): Promise<string[]> {
  const said: string[] = [];
  jest.spyOn(Logger.prototype, 'warn').mockImplementation((line: unknown) => void said.push(String(line)));
  await run();
  return said;
}

const boot = async (module: Type): Promise<void> => {
  const app = await NestFactory.create(module, { logger: false });
  await app.init();
  await app.close();
};

// In the order in which a process would see them: what is said once is said in the first application that needs it.
describe('An application whose classes have decorators', () => {
  it('hears nothing when the module is imported, in two applications of one process either', async () => {
    expect(
      await warnings(async () => {
        await boot(Shop);
        await boot(Billing);
      }),
    ).toEqual([]);
  });

  it('hears nothing of classes that are made with new, or of a test that mocks whatever is missing', async () => {
    const said = await warnings(async () => {
      await new Orders().place().catch(() => undefined);
      const mocked = Test.createTestingModule({ providers: [Orders], controllers: [OrdersController] });
      const module = await mocked.useMocker(() => ({})).compile();
      const app = await module.createNestApplication().init();
      await app.close();
    });

    expect(said).toEqual([]);
  });

  it('is told once in a process that the module is missing', async () => {
    const said = await warnings(async () => {
      await boot(Unprotected);
      await boot(Unprotected);
    });

    expect(said).toEqual([expect.stringMatching(MISSING)]);
  });

  it('is told that the module is imported twice, and each call is counted once', async () => {
    let totals: number[] = [];
    const said = await warnings(async () => {
      const app = await NestFactory.createApplicationContext(Both, { logger: false });
      await app.get(Orders).place();
      await app.get(Invoices).place();
      const services = [...app.get(ModulesContainer).values()].flatMap(({ providers }) => {
        const instance: unknown = providers.get(ResilienceService)?.instance;
        return instance instanceof ResilienceService ? [instance] : [];
      });
      const metrics = services.map((service) => service.metrics().methods);
      totals = metrics.flatMap((methods) => Object.values(methods).map(({ total }) => total));
      await app.close();
    });

    expect(said).toEqual([expect.stringMatching(TWICE)]);
    expect(totals.sort()).toEqual([0, 0, 1, 1]);
  });
});
