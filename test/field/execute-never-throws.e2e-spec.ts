import {
  createPolicy,
  type Policy,
  ResilienceModule,
  ResilienceOptionsError,
  ResilienceService,
} from '@nest-resilience/core';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Test, type TestingModule } from '@nestjs/testing';

let app: TestingModule;
let resilience: ResilienceService;
beforeAll(async () => {
  app = await Test.createTestingModule({
    imports: [ResilienceModule.forRoot({ policies: { known: { retry: 3, circuitBreaker: { failureThreshold: 1 } } } })],
  }).compile();
  await app.init();
  resilience = app.get(ResilienceService);
});
afterAll(() => app.close());

/** A caller who writes `execute(...).catch(...)` has no `try` around it. */
const told = (run: () => Promise<unknown>): Promise<unknown> => run().catch((error: unknown) => error);
const asked = (policy: unknown, fn: unknown = async () => 1, options?: unknown): Promise<unknown> =>
  told(() => resilience.execute(policy as string, fn as () => number, options as object));

describe('ResilienceService.execute', () => {
  it('rejects for a name that nobody declared, and tells those that are', async () => {
    expect(await asked('unknown')).toMatchObject({
      code: 'RESILIENCE_UNKNOWN_POLICY',
      message: expect.stringContaining('known: known'),
    });
    expect(await asked('toString')).toMatchObject({ code: 'RESILIENCE_UNKNOWN_POLICY' });
    expect(await asked('')).toMatchObject({ code: 'RESILIENCE_UNKNOWN_POLICY' });
  });

  it.each([[undefined], [null], [5], [true], [Symbol('policy')], [() => 5], [[]], [[{ retry: 1 }]]])(
    'rejects for %p in place of a policy',
    async (policy) => {
      expect(await asked(policy)).toBeInstanceOf(ResilienceOptionsError);
    },
  );

  it('rejects for options that cannot work, with all their problems', async () => {
    const error = await asked({ retry: { maxRetries: -1 }, timeuot: '5s' });

    expect(error).toBeInstanceOf(ResilienceOptionsError);
    expect((error as ResilienceOptionsError).problems).toHaveLength(2);
  });
});

describe.each<[string, () => Pick<Policy, 'execute'>]>([
  ['createPolicy', () => createPolicy({ name: 'own', retry: 3, circuitBreaker: { failureThreshold: 1 } })],
  [
    'ResilienceService.policy',
    () => resilience.policy({ name: 'own', retry: 3, circuitBreaker: { failureThreshold: 1 } }),
  ],
  ['a named policy', () => ({ execute: (fn, options) => resilience.execute('known', fn, options) })],
])('execute of %s', (_how, make) => {
  it.each([[undefined], [null], [5], ['fn'], [{}], [Promise.resolve(1)]])(
    'rejects for %p in place of a function, and no policy takes it for a failure of the dependency',
    async (fn) => {
      const policy = make();

      const error = await told(() => policy.execute(fn as never));

      expect(error).toBeInstanceOf(ResilienceOptionsError);
      expect((error as Error).message).toMatch(/(own|known) > execute > fn: got .*, expected the function to run/s);
      expect(await policy.execute(async () => 'works')).toBe('works');
    },
  );

  it.each([[5], ['signal'], [{}], [new AbortController()]])(
    'rejects for %p in place of a signal, before it runs',
    async (signal) => {
      const fn = jest.fn(async () => 1);

      const error = await told(() => make().execute(fn, { signal } as never));

      expect(error).toBeInstanceOf(ResilienceOptionsError);
      expect(fn).not.toHaveBeenCalled();
    },
  );

  it('rejects for options that are none', async () => {
    expect(await told(() => make().execute(async () => 1, { sginal: 5 } as never))).toBeInstanceOf(
      ResilienceOptionsError,
    );
    expect(await told(() => make().execute(async () => 1, 'now' as never))).toBeInstanceOf(ResilienceOptionsError);
  });
});
