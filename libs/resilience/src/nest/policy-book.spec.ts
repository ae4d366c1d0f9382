import 'reflect-metadata';

import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable, Logger, type Provider } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';

import {
  CircuitBreaker,
  Fallback,
  ResilienceModule,
  type ResilienceModuleOptions,
  ResilienceOptionsError,
  ResilienceService,
  Resilient,
  Retry,
} from '../index.js';
import { FakeClock } from '../testing/fake-clock.js';
import { RecordingEvents } from '../testing/recording-events.js';

const IMMEDIATE = { strategy: 'immediate', budget: false } as const;

describe('Policies that an application configures', () => {
  let module: TestingModule | undefined;
  let clock: FakeClock;
  let events: RecordingEvents;

  afterEach(async () => {
    await module?.close();
    module = undefined;
    jest.restoreAllMocks();
  });

  const boot = async (providers: Provider[], options: ResilienceModuleOptions = {}): Promise<ResilienceService> => {
    clock = new FakeClock();
    events = new RecordingEvents();
    const imports = [ResilienceModule.forRoot({ clock, events, ...options })];
    module = await Test.createTestingModule({ imports, providers }).compile();
    await module.init();
    return module.get(ResilienceService);
  };
  const get = <T>(type: new () => T): T => (module as TestingModule).get(type);
  const problemsOf = (failure: unknown): string[] =>
    failure instanceof ResilienceOptionsError ? failure.problems.map(({ path, allowed }) => `${path}: ${allowed}`) : [];

  class Failing {
    calls = 0;

    fail(): Promise<string> {
      this.calls++;
      return Promise.reject(new Error(`busy ${this.calls}`));
    }
  }

  describe('@Resilient with options', () => {
    it('is all of the decorators in one', async () => {
      @Injectable()
      class Prices extends Failing {
        @Resilient({ retry: { maxRetries: 2, ...IMMEDIATE }, circuitBreaker: true, timeout: '2s', fallback: 'cached' })
        async price(): Promise<string> {
          return this.fail();
        }

        async cached(): Promise<string> {
          return 'cached';
        }
      }
      const resilience = await boot([Prices]);

      const price = await get(Prices).price();

      expect(price).toBe('cached');
      expect(get(Prices).calls).toBe(3);
      expect(resilience.policies()[0]?.layers.map(({ policy }) => policy)).toEqual([
        'Fallback',
        'Retry',
        'CircuitBreaker',
        'AttemptTimeout',
      ]);
    });

    it('refuses a policy that another decorator of the method declares too', () => {
      const declare = (): unknown => {
        class Twice {
          @Resilient({ retry: 1 })
          @Retry(2)
          async run(): Promise<void> {}
        }
        return Twice;
      };

      expect(declare).toThrow("Twice.run > @Resilient: got 'the same policy twice'");
    });

    it('lists every problem of all policies, and refuses a name and nothing at all', () => {
      const bad = { retry: { maxRetries: -1 }, timeout: 'soon', name: 'x', circutBreaker: true };
      const declare = (policies: object): (() => unknown) => {
        return () => {
          class Wrong {
            @Resilient(policies)
            async run(): Promise<void> {}
          }
          return Wrong;
        };
      };

      expect(declare(bad)).toThrow(/circutBreaker[^]*did you mean 'circuitBreaker'[^]*name[^]*each[^]*maxRetries/);
      expect(declare({})).toThrow('at least one of');
    });

    it('on a class, leaves to a method what it declares itself', async () => {
      @Resilient({ retry: { maxRetries: 3, ...IMMEDIATE } })
      @Injectable()
      class Both extends Failing {
        @Retry({ maxRetries: 1, ...IMMEDIATE })
        async once(): Promise<string> {
          return this.fail();
        }

        async thrice(): Promise<string> {
          return this.fail();
        }
      }
      await boot([Both]);

      await expect(get(Both).once()).rejects.toThrow('busy 2');
      await expect(get(Both).thrice()).rejects.toThrow('busy 6');
    });
  });

  describe('@Resilient with the name of a policy', () => {
    @Injectable()
    class Models extends Failing {
      @Resilient('llm')
      async ask(): Promise<string> {
        return this.fail();
      }

      @Resilient('llm')
      async embed(): Promise<string> {
        return this.fail();
      }

      @Retry(0)
      @Resilient('llm')
      async once(): Promise<string> {
        return this.fail();
      }
    }
    const llm = { retry: { maxRetries: 1, ...IMMEDIATE }, circuitBreaker: { failureThreshold: 4 } };

    it('applies it, and shares one circuit among all methods that use it and execute()', async () => {
      const resilience = await boot([Models], { policies: { llm } });

      await expect(get(Models).ask()).rejects.toThrow('busy 2');
      await expect(get(Models).embed()).rejects.toThrow('busy 4');
      const refused = await resilience.execute('llm', async () => 'never').catch((error: unknown) => error);

      expect(refused).toMatchObject({ code: 'RESILIENCE_CIRCUIT_OPEN', circuit: 'llm' });
      expect(resilience.circuits().map(({ name }) => name)).toEqual(['llm']);
    });

    it("lets the method's own decorator replace one policy of it", async () => {
      const resilience = await boot([Models], { policies: { llm } });

      await expect(get(Models).once()).rejects.toThrow('busy 1');

      const layers = resilience.policies().find(({ name }) => name === 'Models.once')?.layers;
      expect(layers?.map(({ policy, source }) => `${policy} by ${source}`)).toEqual([
        'Retry by method',
        'CircuitBreaker by named',
      ]);
    });

    it('refuses to boot without it, naming the method, the name and the nearest', async () => {
      const failure = await boot([Models], { policies: { lm: llm } }).catch((error: unknown) => error);

      expect(problemsOf(failure)[0]).toMatch(/^Models\.ask > @Resilient: .*did you mean 'lm'/);
    });
  });

  describe('an overlay on Class.method', () => {
    @Injectable()
    class Orders extends Failing {
      @Retry({ maxRetries: 5, ...IMMEDIATE })
      @CircuitBreaker()
      async charge(): Promise<string> {
        return this.fail();
      }
    }

    it('changes the options it names and keeps the others', async () => {
      const resilience = await boot([Orders], { policies: { 'Orders.charge': { retry: 1 } } });

      await expect(get(Orders).charge()).rejects.toThrow('busy 2');

      const [report] = resilience.policies();
      expect(report?.layers.map(({ policy, source }) => `${policy} by ${source}`)).toEqual([
        'Retry by overlay',
        'CircuitBreaker by method',
      ]);
      expect(report?.layers[0]?.options).toMatchObject({ maxRetries: 1, strategy: 'immediate' });
      expect(resilience.policies()).toHaveLength(1);
    });

    it('takes a policy away, and adds one', async () => {
      const resilience = await boot([Orders], {
        policies: { 'Orders.charge': { retry: false, fallback: { value: 'later' } } },
      });

      const answer = await get(Orders).charge();

      expect(answer).toBe('later');
      expect(get(Orders).calls).toBe(1);
      expect(resilience.policies()[0]?.layers.map(({ policy }) => policy)).toEqual(['Fallback', 'CircuitBreaker']);
    });

    it('refuses to boot when the whole makes no sense', async () => {
      const policies = { 'Orders.charge': { circuitBreaker: { failureThreshold: 3, failureRate: 0.2 } } };

      const failure = await boot([Orders], { policies }).catch((error: unknown) => error);

      expect(problemsOf(failure)[0]).toContain('Orders.charge > circuitBreaker > failureRate');
    });

    it('warns when it names no method', async () => {
      const warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();

      await boot([Orders], { policies: { 'Orders.chrage': { retry: 1 } } });

      expect(warn.mock.calls.map(([text]) => String(text)).join()).toContain("did you mean 'Orders.charge'?");
    });
  });

  describe('defaults', () => {
    @Injectable()
    class Stock extends Failing {
      @Retry({ strategy: 'immediate' })
      async left(): Promise<string> {
        return this.fail();
      }

      @Retry({ maxRetries: 0 })
      async right(): Promise<string> {
        return this.fail();
      }

      @Fallback({ value: 'none' })
      async plain(): Promise<string> {
        return this.fail();
      }
    }

    it('stand in for what a decorator leaves out, and switch nothing on', async () => {
      await boot([Stock], { defaults: { retry: { maxRetries: 1, budget: false }, timeout: '1s' } });

      await expect(get(Stock).left()).rejects.toThrow('busy 2');
      await expect(get(Stock).right()).rejects.toThrow('busy 3');
      await expect(get(Stock).plain()).resolves.toBe('none');
      expect(get(Stock).calls).toBe(4);
    });

    it('are checked when the module is registered', () => {
      const register = (): unknown => ResilienceModule.forRoot({ defaults: { retry: { maxRetries: -1 } } });

      expect(register).toThrow('ResilienceModule.forRoot > defaults > retry > maxRetries');
    });
  });

  describe('reconfigure', () => {
    @Injectable()
    class Rates extends Failing {
      @Resilient('rates')
      async get(): Promise<string> {
        return this.fail();
      }
    }
    const rates = {
      retry: { maxRetries: 0 },
      circuitBreaker: { window: { type: 'count', size: 40 }, minimumCalls: 10 },
    } as const;

    it('changes what comes, and keeps circuit, counters and listeners', async () => {
      const resilience = await boot([Rates], { policies: { rates } });
      for (let nth = 0; nth < 9; nth++)
        await get(Rates)
          .get()
          .catch(() => undefined);

      resilience.reconfigure({
        rates: { ...rates, retry: { maxRetries: 1, ...IMMEDIATE }, circuitBreaker: { window: 10, minimumCalls: 10 } },
      });
      await get(Rates)
        .get()
        .catch(() => undefined);

      // The nine failures from before count: the tenth opened it, and the retry was refused.
      expect(resilience.circuit('rates').state).toBe('open');
      expect(resilience.metrics().methods['Rates.get']?.total).toBe(10);
      expect(events.of('resilience.circuit.opened')).toHaveLength(1);
      expect(resilience.policies()[0]?.layers[0]?.options).toMatchObject({ maxRetries: 1 });
    });

    it('reaches policies that execute() runs', async () => {
      const resilience = await boot([], { policies: { job: { retry: { maxRetries: 0 } } } });
      const failing = new Failing();
      await resilience.execute('job', () => failing.fail()).catch(() => undefined);

      resilience.reconfigure({ job: { retry: { maxRetries: 2, ...IMMEDIATE } } });
      await resilience.execute('job', () => failing.fail()).catch(() => undefined);

      expect(failing.calls).toBe(4);
    });

    it('leaves to calls that run what they began with', async () => {
      const resilience = await boot([Rates], {
        policies: { rates: { retry: { maxRetries: 1, baseDelay: '1s', jitter: 'none' } } },
      });
      const running = get(Rates)
        .get()
        .catch((error: unknown) => error);
      await clock.advance(1);

      resilience.reconfigure({ rates: { retry: { maxRetries: 0 } } });
      await clock.advance('2s');

      await expect(running).resolves.toMatchObject({ message: 'busy 2' });
      await expect(get(Rates).get()).rejects.toThrow('busy 3');
    });

    it('refuses what is wrong, all of it at once, and changes nothing', async () => {
      const resilience = await boot([Rates], { policies: { rates } });

      const change = (): void =>
        resilience.reconfigure({ rates: { retry: { maxRetries: -1 } }, other: { timeout: 'soon' } });

      expect(change).toThrow(/rates > retry > maxRetries[^]*other > timeout/);
      expect(resilience.policies()).toHaveLength(2);
      expect(resilience.policies()[0]?.layers[0]?.options).toMatchObject({ maxRetries: 0 });
    });
  });
});
