/**
 * What is thrown may be anything: a Proxy whose traps throw, an error whose getters do. Whoever looks at it, to classify, redact, keep
 * or report it, must not put an error of its own in the place of the one that the caller waits for.
 */
import 'reflect-metadata';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { EventEmitterModule } from '@nestjs/event-emitter';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  Bulkhead,
  CircuitBreaker,
  createPolicy,
  DeadLetter,
  DeadLetterService,
  Fallback,
  Hedge,
  RateLimit,
  ResilienceModule,
  Retry,
  Timeout,
} from '@nest-resilience/core';
import { AdminModule, EventLog } from '@nest-resilience/core/admin';
import { MetricsModule } from '@nest-resilience/core/metrics';

const trap = (): never => {
  throw new Error('a trap');
};

const EVERY_TRAP: ProxyHandler<object> = Object.fromEntries(
  [
    ...['get', 'set', 'has', 'ownKeys', 'getPrototypeOf', 'getOwnPropertyDescriptor', 'defineProperty'],
    ...['isExtensible', 'preventExtensions', 'deleteProperty', 'setPrototypeOf', 'apply', 'construct'],
  ].map((name) => [name, trap]),
);

function withThrowingGetters(): Error {
  const error = new Error('seen from outside');
  for (const name of ['stack', 'message', 'name', 'cause', 'code', 'status', 'response', 'toJSON'])
    Object.defineProperty(error, name, { get: trap, enumerable: true });
  return error;
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable(new Error('gone'), {});
  revoke();
  return proxy;
}

const THROWN: [string, () => unknown][] = [
  ['a Proxy of an object whose traps throw', () => new Proxy({}, EVERY_TRAP)],
  ['a Proxy of an error whose traps throw', () => new Proxy(new Error('inner'), EVERY_TRAP)],
  ['a Proxy of a function whose traps throw', () => new Proxy(() => undefined, EVERY_TRAP)],
  ['a Proxy that was revoked', revoked],
  ['an error whose getters throw', withThrowingGetters],
  ['an error that wraps such a Proxy', () => new Error('outside', { cause: new Proxy({}, EVERY_TRAP) })],
  ['a list of such', () => new AggregateError([new Proxy(new Error('x'), EVERY_TRAP), revoked()], 'several')],
  ['an object whose toString throws', () => ({ toString: trap, [Symbol.toPrimitive]: trap, toJSON: trap })],
  ['an object without a prototype', () => Object.create(null) as object],
  ['nothing', () => undefined],
];

let thrown: unknown;

@Injectable()
class Desk {
  @Retry({ maxRetries: 1, baseDelay: 1, maxDelay: 1 })
  @CircuitBreaker({ name: 'desk' })
  @Timeout({ each: '10s', total: '1m' })
  @Bulkhead({ maxConcurrent: 10 })
  @RateLimit({ limit: 1_000, interval: '1s' })
  async many(): Promise<void> {
    throw thrown;
  }

  @Hedge({ delay: '1s', maxHedges: 1 })
  async hedged(): Promise<void> {
    throw thrown;
  }

  @Fallback(() => {
    throw thrown;
  })
  async fallback(): Promise<void> {
    throw thrown;
  }

  @DeadLetter('desk')
  async kept(): Promise<void> {
    throw thrown;
  }

  @Retry({ maxRetries: 1, baseDelay: 1, maxDelay: 1 })
  async *streamed(): AsyncGenerator<number> {
    yield 1;
    throw thrown;
  }

  @CircuitBreaker({ name: 'now' })
  now(): void {
    throw thrown;
  }
}

let module: TestingModule;
let desk: Desk;
const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);

beforeEach(async () => {
  unhandled.length = 0;
  process.on('unhandledRejection', note);
  module = await Test.createTestingModule({
    imports: [
      EventEmitterModule.forRoot(),
      ResilienceModule.forRoot(),
      AdminModule.forRoot({ token: 'a-token-for-the-test' }),
      MetricsModule.forRoot(),
    ],
    providers: [Desk],
  })
    .setLogger({ log() {}, warn() {}, error() {} })
    .compile();
  await module.init();
  desk = module.get(Desk);
});

afterEach(async () => {
  await module.close();
  process.off('unhandledRejection', note);
});

/** By identity: looking at it in any other way would spring a trap of the test's own. */
async function reaches(call: () => unknown): Promise<boolean> {
  try {
    await call();
  } catch (error) {
    return error === thrown;
  }
  return false;
}

describe.each(THROWN)('%s', (_, make) => {
  beforeEach(() => {
    thrown = make();
  });

  it.each(['many', 'hedged', 'kept', 'now'] as const)(
    'reaches the caller of a method as it was thrown: %s',
    async (method) => {
      expect(await reaches(() => desk[method]())).toBe(true);

      expect(unhandled).toEqual([]);
    },
  );

  it('reaches who reads a stream', async () => {
    const read = async (): Promise<void> => {
      for await (const item of desk.streamed()) void item;
    };

    expect(await reaches(read)).toBe(true);
  });

  it('reaches the caller of a policy that is no decorator', async () => {
    const policy = createPolicy({
      retry: { maxRetries: 1, baseDelay: 1 },
      circuitBreaker: true,
      timeout: '10s',
    });

    expect(await reaches(() => policy.execute(() => Promise.reject(thrown)))).toBe(true);
  });

  it('comes out of a fallback that throws it, or out of what stands for both', async () => {
    let came: unknown;
    await desk.fallback().catch((error: unknown) => void (came = error));

    const isFallbackError = came !== thrown && (came as { code?: unknown }).code === 'RESILIENCE_FALLBACK_FAILED';
    expect(came === thrown || isFallbackError).toBe(true);
  });

  it('is kept as a dead letter that can be listed and exported', async () => {
    await reaches(() => desk.kept());
    const letters = module.get(DeadLetterService);

    const { items } = await letters.list({ queue: 'desk' });
    const lines: string[] = [];
    for await (const line of letters.export({ queue: 'desk' })) lines.push(line);

    expect(items).toHaveLength(1);
    expect(typeof items[0]?.error.message).toBe('string');
    expect(lines).toHaveLength(1);
  });

  it('is told in events that can be shown', async () => {
    await reaches(() => desk.many());

    expect(() => JSON.stringify(module.get(EventLog).recent({}, 100))).not.toThrow();
    expect(module.get(EventLog).recent({}, 100).length).toBeGreaterThan(0);
  });
});
