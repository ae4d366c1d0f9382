import 'reflect-metadata';

import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable, Logger, type Provider, Scope } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';

import {
  Bulkhead,
  CircuitBreaker,
  DeadLetter,
  Fallback,
  RateLimit,
  ResilienceModule,
  type ResilienceModuleOptions,
  ResilienceService,
  Retry,
  Timeout,
  TimeoutError,
} from '../index.js';
import type { ChaosOptions } from '../chaos/index.js';
import { type PolicyOptions, readPolicyOptions } from '../policy/policy.options.js';
import { DEFAULT_RETRY_OPTIONS } from '../retry/index.js';
import { layersOf } from './policy-report.js';

class CardDeclined extends Error {}

function isBusy(): boolean {
  return false;
}

/** Written in no order at all: the report must not care. */
@Timeout('5s')
@Injectable()
class Orders {
  @Fallback([{ use: 'later', on: TimeoutError, priority: 1 }, { value: { secret: 42 } }])
  @Retry({ maxRetries: 2, abortOn: [CardDeclined, isBusy], maxElapsed: '1m' })
  @DeadLetter('orders')
  @Timeout({ each: '2s', total: '10s' })
  @CircuitBreaker({ name: 'payments', key: (tenant: string) => tenant, recoveryTimeout: () => '1s' })
  async charge(_tenant: string): Promise<number | { secret: number }> {
    return 1;
  }

  async later(): Promise<number> {
    return 0;
  }
}

describe('The boot report', () => {
  let module: TestingModule;

  afterEach(async () => {
    await module.close();
    jest.restoreAllMocks();
  });

  const boot = async (providers: Provider[], options: ResilienceModuleOptions = {}) => {
    const debug = jest.spyOn(Logger.prototype, 'debug').mockReturnValue();
    module = await Test.createTestingModule({ imports: [ResilienceModule.forRoot(options)], providers }).compile();
    Logger.overrideLogger(['debug', 'warn']);
    await module.init();
    const tables = debug.mock.calls.map(([text]) => String(text)).filter((text) => text.startsWith('Protected'));
    return { reports: module.get(ResilienceService).policies(), tables };
  };

  it('names every method, its policies in effective order, their options and where they were written', async () => {
    const { reports } = await boot([Orders]);

    const charge = reports.find(({ name }) => name === 'Orders.charge');

    expect(charge?.declaredIn).toBe('Orders');
    expect(charge?.layers.map(({ policy }) => policy)).toEqual([
      'DeadLetter',
      'Fallback',
      'TotalTimeout',
      'Retry',
      'CircuitBreaker',
      'AttemptTimeout',
    ]);
    expect(charge?.layers.map(({ source }) => source)).toEqual(Array.from({ length: 6 }, () => 'method'));
    expect(charge?.layers.map(({ options }) => options)).toEqual([
      expect.objectContaining({ queue: 'orders', capture: 'unrecovered', rethrow: true, redact: [] }),
      {
        targets: [
          { use: 'value', priority: 0 },
          { use: 'later', on: 'TimeoutError', priority: 1 },
        ],
      },
      { total: 10_000 },
      {
        ...DEFAULT_RETRY_OPTIONS,
        maxRetries: 2,
        abortOn: ['CardDeclined', 'function isBusy'],
        maxElapsed: 60_000,
      },
      expect.objectContaining({
        name: 'payments',
        window: { type: 'count', size: 20 },
        key: 'function key',
        recoveryTimeout: 'function recoveryTimeout',
      }),
      { each: 2000, growth: 1 },
    ]);
  });

  it('shows what limits the attempts inside of the circuit that judges them', async () => {
    @Injectable()
    class Limited {
      @Bulkhead({ name: 'db', maxConcurrent: 5, maxQueue: 10, maxWait: '2s' })
      @RateLimit({ limit: 100, interval: '1m', cost: () => 2, key: (tenant: string) => tenant })
      @Timeout('5s')
      @CircuitBreaker({ window: 'consecutive' })
      async read(tenant: string): Promise<string> {
        return tenant;
      }
    }
    const { reports, tables } = await boot([Limited]);

    expect(reports[0]?.layers.map(({ policy }) => policy)).toEqual([
      'CircuitBreaker',
      'RateLimit',
      'Bulkhead',
      'AttemptTimeout',
    ]);
    expect(reports[0]?.layers.slice(1, 3).map(({ options }) => options)).toEqual([
      { limit: 100, interval: 60_000, maxWait: 0, cost: 'function cost', key: 'function key', maxKeys: 10_000 },
      { name: 'db', maxConcurrent: 5, maxQueue: 10, maxWait: 2000 },
    ]);
    expect(tables[0]).toContain(
      'RateLimit(limit 100, interval 60000, maxWait 0, key function key) > ' +
        'Bulkhead(name db, maxConcurrent 5, maxQueue 10, maxWait 2000) > AttemptTimeout(each 5000, growth 1)',
    );
  });

  it('tells what a class decorator declares from what the method says', async () => {
    const { reports } = await boot([Orders]);

    expect(reports.find(({ name }) => name === 'Orders.later')).toEqual({
      name: 'Orders.later',
      declaredIn: 'Orders',
      layers: [{ policy: 'AttemptTimeout', source: 'class', options: { each: 5000, growth: 1 } }],
    });
  });

  it('is plain JSON and shows no constant of a fallback', async () => {
    const { reports } = await boot([Orders], {
      policies: { llm: { retry: { strategy: () => false }, timeout: '1s' } },
    });

    expect(JSON.parse(JSON.stringify(reports))).toEqual(reports);
    expect(JSON.stringify(reports)).not.toContain('42');
  });

  it('lists named policies, and inherited methods under the class that has them', async () => {
    class Child extends Orders {}
    const { reports } = await boot([Orders, Child], { policies: { llm: { retry: 1, timeout: { each: Infinity } } } });

    expect(reports.map(({ name, declaredIn }) => [name, declaredIn])).toEqual([
      ['Orders.charge', 'Orders'],
      ['Orders.later', 'Orders'],
      ['Child.charge', 'Orders'],
      ['Child.later', 'Orders'],
      ['llm', null],
    ]);
    expect(reports.at(-1)?.layers.map(({ policy, source }) => [policy, source])).toEqual([['Retry', 'named']]);
  });

  it('is logged once at boot, as one debug message', async () => {
    class Child extends Orders {}
    const { tables } = await boot([Orders, Child], { policies: { llm: { timeout: '1s' } } });

    const charge =
      'DeadLetter(queue orders, capture unrecovered, rethrow true) > Fallback(targets value|later) > TotalTimeout(total 10000) > ' +
      'Retry(maxRetries 2, strategy exponential, baseDelay 500, maxElapsed 60000) > ' +
      'CircuitBreaker(name payments, window count 20, recoveryTimeout function recoveryTimeout, key function key) > ' +
      'AttemptTimeout(each 2000, growth 1)';
    expect(tables).toEqual([
      [
        'Protected (5), outermost policy first, durations in ms:',
        `  Orders.charge             ${charge}`,
        '  Orders.later              AttemptTimeout(each 5000, growth 1) by class',
        `  Child.charge (of Orders)  ${charge}`,
        '  Child.later (of Orders)   AttemptTimeout(each 5000, growth 1) by class',
        '  llm                       AttemptTimeout(each 1000, growth 1) by named',
      ].join('\n'),
    ]);
  });

  it('says nothing where nothing is protected', async () => {
    const { reports, tables } = await boot([]);

    expect(reports).toEqual([]);
    expect(tables).toEqual([]);
  });
});

describe('The report of hedges and chaos', () => {
  const layers = (options: PolicyOptions) =>
    layersOf(readPolicyOptions(options, 'p'), () => 'named').map(({ policy, options: shown }) => [policy, shown]);

  it('has them in their places', () => {
    const options = layers({ chaos: { rate: 1, result: 1 }, timeout: 5, circuitBreaker: true, hedge: 5, retry: 1 });

    expect(options.map(([policy]) => policy)).toEqual(['Retry', 'Hedge', 'CircuitBreaker', 'AttemptTimeout', 'Chaos']);
  });

  it('shows when a hedge starts', () => {
    expect(layers({ hedge: { percentile: 0.95, maxHedges: 2 } })).toEqual([['Hedge', { percentile: 0.95, maxHedges: 2 }]]); // prettier-ignore
  });

  it.each<[ChaosOptions, object]>([
    [
      { rate: 0.1, latency: ['1s', '2s'], until: '2026-12-31' },
      { latency: [1000, 2000], enabled: true, until: '2026-12-31T00:00:00.000Z' },
    ],
    [
      { rate: 0.1, fault: new Error('secret'), name: 'game-day' },
      { fault: true, enabled: true, name: 'game-day' },
    ],
    [
      { rate: 0.1, result: { secret: 42 }, enabled: () => true },
      { result: true, enabled: 'function enabled' },
    ],
  ])('shows what chaos does, but not with what: %j', (chaos, expected) => {
    expect(layers({ chaos })).toEqual([['Chaos', { rate: 0.1, ...expected }]]);
  });

  it('leaves out chaos that is switched off', () => {
    expect(layers({ chaos: { rate: 0.1, result: 1, enabled: false } })).toEqual([]);
  });
});

describe('A declaration that cannot be reached', () => {
  let module: TestingModule | undefined;

  afterEach(async () => {
    await module?.close();
    jest.restoreAllMocks();
  });

  const warningsOf = async (providers: Provider[]) => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
    module = await Test.createTestingModule({ imports: [ResilienceModule.forRoot()], providers }).compile();
    await module.init();
    return warn.mock.calls.map(([text]) => text as string);
  };

  class Parent {
    @Retry()
    @Timeout('1s')
    async work(): Promise<number> {
      return 1;
    }

    @Retry()
    async rest(): Promise<number> {
      return 0;
    }
  }

  it('is named when a subclass overrides it without decorators, once however many providers have it', async () => {
    class Child extends Parent {
      override async work(): Promise<number> {
        return 2;
      }
    }
    class Grandchild extends Child {}

    const warnings = await warningsOf([Child, { provide: 'AGAIN', useClass: Child }, Grandchild, Parent]);

    expect(warnings).toEqual([
      'Child.work overrides Parent.work, which is decorated with @Timeout, @Retry, without decorators: its own body runs ' +
        'plain, only what it calls with super.work() is protected. Decorate the override, or remove it',
    ]);
  });

  it('is not named when the override has decorators of its own, or nothing is overridden', async () => {
    class Child extends Parent {
      @Timeout('2s')
      override async work(): Promise<number> {
        return 2;
      }

      async more(): Promise<number> {
        return 3;
      }
    }

    expect(await warningsOf([Child])).toEqual([]);
  });

  it('is named when a request-scoped factory makes the class of its token', async () => {
    const warnings = await warningsOf([{ provide: Parent, scope: Scope.REQUEST, useFactory: () => new Parent() }]);

    expect(warnings).toEqual([
      'Parent comes from a request-scoped factory, so the decorators of Parent.work, Parent.rest have no effect; ' +
        'let the factory inject ResilienceService and return resilience.bind(instance)',
    ]);
  });

  it('is not named when that factory can bind what it makes', async () => {
    const bound: Provider = {
      provide: Parent,
      scope: Scope.REQUEST,
      inject: [ResilienceService],
      useFactory: (resilience: ResilienceService) => resilience.bind(new Parent()),
    };

    expect(await warningsOf([bound])).toEqual([]);
  });
});
