import 'reflect-metadata';

import { describe, expect, it } from '@jest/globals';
import { Injectable, type Type } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';

import { CircuitBreaker, DeadLetter, Fallback, ResilienceModule, ResilienceService, Retry, Timeout } from '../index.js';
import { FakeClock } from '../testing/index.js';

/** Each of these was wrong once. */
async function boot(type: Type, clock = new FakeClock()): Promise<TestingModule> {
  const module = await Test.createTestingModule({
    imports: [ResilienceModule.forRoot({ clock })],
    providers: [type],
  }).compile();
  return module.init();
}

describe('Regressions', () => {
  it('a class-level fallback spares the method it names, which would rescue itself for ever', async () => {
    @Fallback('b')
    @Injectable()
    class Service {
      calls = 0;
      async a(): Promise<string> {
        return Promise.reject(new Error('a down'));
      }
      async b(): Promise<string> {
        this.calls++;
        return Promise.reject(new Error('b down'));
      }
    }
    const module = await boot(Service);

    await expect(module.get(Service).a()).rejects.toThrow('a down');

    expect(module.get(Service).calls).toBe(1);
  });

  it('fallbacks that lead back to the method they rescue stop the boot', async () => {
    @Injectable()
    class Circle {
      @Fallback('b')
      async a(): Promise<void> {}
      @Fallback('a')
      async b(): Promise<void> {}
    }

    await expect(boot(Circle)).rejects.toThrow("Circle.a > @Fallback: got 'a -> b -> a'");
  });

  it('the total timeout also ends the retries of an async iterable', async () => {
    @Injectable()
    class Streams {
      calls = 0;
      @Timeout({ each: '10s', total: '1s' })
      @Retry({ maxRetries: 9, strategy: 'constant', baseDelay: 400, jitter: 'none' })
      async *tokens(): AsyncGenerator<string> {
        this.calls++;
        await Promise.reject(new Error('down'));
        yield 'never';
      }
    }
    const clock = new FakeClock();
    const module = await boot(Streams, clock);

    const outcome = module
      .get(Streams)
      .tokens()
      .next()
      .catch((error: unknown) => error);
    await clock.advance('1s');

    expect(await outcome).toMatchObject({ code: 'RESILIENCE_TIMEOUT', scope: 'total' });
    expect(module.get(Streams).calls).toBe(3);
  });

  it('an undeclared synchronous method throws the refusal of its circuit instead of promising it', async () => {
    @Injectable()
    class Sync {
      fails = false;
      @CircuitBreaker({ failureThreshold: 1 })
      read(): object {
        if (this.fails) throw new Error('down');
        return {};
      }
    }
    const service = (await boot(Sync)).get(Sync);
    service.read();
    service.fails = true;

    expect(() => service.read()).toThrow('down');
    expect(() => service.read()).toThrow(/Circuit 'Sync.read' is open/);
  });

  it('a key function that throws rejects the call of an async method', async () => {
    @Injectable()
    class Keyed {
      @CircuitBreaker({
        failureThreshold: 1,
        key: (tenant?: { id: string }) => tenant!.id,
      })
      async read(_tenant?: { id: string }): Promise<number> {
        return 1;
      }
    }
    const service = (await boot(Keyed)).get(Keyed);

    const outcome = service.read();

    await expect(outcome).rejects.toThrow(TypeError);
  });

  it('firstItem says nothing about a promise', async () => {
    @Injectable()
    class Slow {
      @Timeout({ each: '5s', firstItem: '1s' })
      @Retry({ maxRetries: 1, strategy: 'immediate' })
      async read(): Promise<never> {
        return new Promise(() => undefined);
      }
    }
    const clock = new FakeClock();
    const outcome = (await boot(Slow, clock))
      .get(Slow)
      .read()
      .catch((error: unknown) => error);

    await clock.advance('5s');
    await clock.advance('5s');

    expect(await outcome).toMatchObject({ scope: 'attempt', afterMs: 5_000 });
  });

  it('a synchronous method throws although rethrow is false: its entry is not durable yet', async () => {
    @Injectable()
    class Sync {
      @DeadLetter({ rethrow: false })
      send(): string {
        throw new Error('down');
      }
    }
    const module = await boot(Sync);

    expect(() => module.get(Sync).send()).toThrow('down');
    await module.close();
    expect(module.get(ResilienceService).metrics().deadLetters.size).toBe(1);
  });

  it('unknown keys of the dead-letter options of the module are refused', () => {
    expect(() => ResilienceModule.forRoot({ deadLetter: { stor: {} } as object })).toThrow(/did you mean 'store'/);
  });
});
