import 'reflect-metadata';

import { describe, expect, it } from '@jest/globals';
import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import { APP_FILTER, ExternalContextCreator } from '@nestjs/core';
import { Test } from '@nestjs/testing';

import { ResilienceError, ResilienceModule, ResilienceOptionsError, TimeoutError } from '../../index.js';
import { DEFAULT_RESILIENCE_MODULE_OPTIONS, readModuleOptions } from '../resilience.options.js';
import { ResilienceErrorFilter } from './resilience-error.filter.js';
import { WireError } from './wire-error.js';

class RateLimited extends ResilienceError {
  constructor(readonly retryAfterMs: number) {
    super('too fast', 'RESILIENCE_RATE_LIMITED', 'Feed.publish');
  }
}

describe('mapErrors', () => {
  it('is on unless switched off', () => {
    expect(DEFAULT_RESILIENCE_MODULE_OPTIONS).toEqual({ shutdownTimeout: 10_000, mapErrors: true, isGlobal: true });
    expect(readModuleOptions().mapErrors).toBe(true);
    expect(readModuleOptions({ mapErrors: false }).mapErrors).toBe(false);
  });

  it('takes nothing but a boolean', () => {
    expect(() => readModuleOptions({ mapErrors: 'no' as never })).toThrow(
      "ResilienceModule.forRoot > mapErrors: got 'no', expected true or false",
    );
  });
});

describe('What the filter catches', () => {
  it('goes by code, so that errors of a second installation of the package are known too', () => {
    const foreign = Object.assign(new Error('open'), { code: 'RESILIENCE_CIRCUIT_OPEN', policy: 'stock' });

    expect(foreign instanceof WireError).toBe(true);
    expect(new TimeoutError('Feed.publish', 'total', 5) instanceof WireError).toBe(true);
  });

  it.each([
    ['a wrong declaration', new ResilienceOptionsError([])],
    ['any other error', new Error('RESILIENCE_TIMEOUT')],
    ['something that is no error', { code: 'RESILIENCE_TIMEOUT', policy: 'stock' }],
    ['nothing', undefined],
  ])('%s is not ours', (_, thrown) => {
    expect(thrown instanceof WireError).toBe(false);
  });
});

describe('GraphQL', () => {
  /** The same way that resolvers are called: by Nest's own creator of such contexts. */
  async function resolve(error: Error, contextType: string, providers: object[] = []): Promise<unknown> {
    const module = await Test.createTestingModule({
      imports: [ResilienceModule.forRoot()],
      providers: providers as [],
    }).compile();
    module.useLogger(false);
    const resolver = { field: (): Promise<never> => Promise.reject(error) };
    const creator = module.get(ExternalContextCreator, { strict: false });
    const call = creator.create(
      resolver,
      resolver.field,
      'field',
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      contextType,
    );
    const thrown = await (call() as Promise<unknown>).catch((reason: unknown) => reason);
    await module.close();
    return thrown;
  }

  it('gets the same error object, with the code in its extensions', async () => {
    const error = new RateLimited(1_200);

    const thrown = await resolve(error, 'graphql');

    expect(thrown).toBe(error);
    expect(thrown).toMatchObject({ extensions: { code: 'RESILIENCE_RATE_LIMITED', retryAfterMs: 1_200 } });
  });

  it('keeps extensions that the application gave, and survives a frozen error', async () => {
    const own = Object.assign(new RateLimited(5), { extensions: { code: 'SLOW_DOWN' } });
    const frozen = Object.freeze(new RateLimited(5));

    expect(await resolve(own, 'graphql')).toMatchObject({ extensions: { code: 'SLOW_DOWN' } });
    expect(await resolve(frozen, 'graphql')).toBe(frozen);
  });

  it('is left to a filter of the application', async () => {
    @Catch()
    class OwnFilter implements ExceptionFilter {
      catch(): Error {
        return new Error('said by the application');
      }
    }

    const reported = await resolve(new RateLimited(5), 'graphql', [{ provide: APP_FILTER, useClass: OwnFilter }]);

    expect(reported).toEqual(new Error('said by the application'));
  });

  it('a handler that some library calls as http, without a response, rejects as before', async () => {
    const error = new RateLimited(5);

    expect(await resolve(error, 'http')).toBe(error);
  });
});

describe('WebSocket', () => {
  function hostOf(client: object): ArgumentsHost {
    const ws = { getClient: () => client, getData: () => ({ text: 'hi' }), getPattern: () => 'publish' };
    return { getType: () => 'ws', switchToWs: () => ws } as unknown as ArgumentsHost;
  }

  const filter = new ResilienceErrorFilter({} as never, readModuleOptions());
  const payload = {
    status: 'error',
    code: 'RESILIENCE_RATE_LIMITED',
    message: 'Too many such requests came in.',
    retryAfterMs: 1_200,
    cause: { pattern: 'publish', data: { text: 'hi' } },
  };

  it('socket.io clients get an exception event', () => {
    const sent: unknown[] = [];

    filter.catch(new RateLimited(1_200), hostOf({ emit: (...event: unknown[]) => sent.push(event) }));

    expect(sent).toEqual([['exception', payload]]);
  });

  it('clients of the ws package get a frame in the form of its adapter', () => {
    const sent: string[] = [];
    const client = { emit: () => undefined, send: (frame: string) => sent.push(frame), readyState: 1 };

    filter.catch(new RateLimited(1_200), hostOf(client));

    expect(sent.map((frame) => JSON.parse(frame) as unknown)).toEqual([{ event: 'exception', data: payload }]);
  });
});
