import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { classifyError } from '@nest-resilience/core';
import { BadGatewayException, InternalServerErrorException } from '@nestjs/common';
import * as ai from 'ai';

const error = (fields: object, message = ''): Error => Object.assign(new Error(message), fields);
const limited = () => error({ status: 429, headers: { 'retry-after': '7' } });
const duplicate = () => error({ code: '23505', severity: 'ERROR', routine: '_bt_check_unique' });

describe('what a wrapper holds', () => {
  let server: Server;

  beforeEach(async () => {
    server = createServer((request, response) => {
      const status = Number(request.url?.slice(1, 4));
      response.writeHead(status, { 'content-type': 'application/json', 'retry-after-ms': '30' });
      response.end('{"error":{"message":"no"}}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  it.each([
    [429, 'rate_limit'],
    [529, 'overloaded'],
    [500, 'server_error'],
  ])('ai’s own retries over a %i end in %s, with the hint of the server', async (status, reason) => {
    const baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${status}`;
    const model = createOpenAICompatible({ name: 'p', baseURL, apiKey: 'k' }).chatModel('m');

    const thrown: unknown = await ai.generateText({ model, prompt: 'x', maxRetries: 1 }).catch((e: unknown) => e);

    expect(thrown).toBeInstanceOf(ai.RetryError);
    expect(classifyError(thrown)).toMatchObject({ reason, retryAfterMs: 30, retryable: true });
  });

  it.each<[what: string, thrown: unknown]>([
    [
      'ai’s RetryError',
      new ai.RetryError({ message: 'm', reason: 'maxRetriesExceeded', errors: [new Error('first'), limited()] }),
    ],
    ['Promise.any', new AggregateError([limited(), error({ status: 404 })])],
    ['an aggregate in a cause', new Error('m', { cause: new AggregateError([limited()]) })],
    ['originalError', error({ originalError: limited() })],
    ['inner', error({ inner: limited() })],
    ['error', error({ error: limited() })],
    ['a rejection that was kept', { error: limited() }],
    ['networkError of Apollo', error({ networkError: limited() })],
    ['three layers', error({ originalError: error({ inner: new Error('m', { cause: limited() }) }) })],
  ])('%s: reason and hint are found', (_what, thrown) => {
    expect(classifyError(thrown)).toMatchObject({ reason: 'rate_limit', retryAfterMs: 7000, retryable: true });
  });

  it.each<[what: string, thrown: unknown]>([
    ['TypeORM', error({ name: 'QueryFailedError', query: 'INSERT', driverError: duplicate() })],
    ['Sequelize', error({ name: 'SequelizeDatabaseError', parent: duplicate(), original: duplicate() })],
    ['MikroORM', error({ name: 'UniqueConstraintViolationException', cause: duplicate() })],
    ['Drizzle', new Error('Failed query', { cause: duplicate() })],
    ['Objection', error({ name: 'DBError', nativeError: duplicate() })],
  ])('%s: a duplicate key stays the caller’s fault', (_what, thrown) => {
    expect(classifyError(thrown)).toMatchObject({ reason: 'bad_request', retryable: false, countsAsFailure: false });
  });

  it('of several that failed beside each other, one that may pass is enough', () => {
    expect(classifyError(new AggregateError([error({ status: 404 }), error({ status: 503 })])).retryable).toBe(true);
    expect(classifyError(new AggregateError([error({ status: 404 }), error({ status: 422 })])).retryable).toBe(false);
  });

  it('believes the outer error where it says something itself', () => {
    expect(classifyError(new BadGatewayException('m', { cause: limited() })).reason).toBe('server_error');
    expect(classifyError(new InternalServerErrorException('m', { cause: duplicate() })).reason).toBe('server_error');
  });

  it('reads no more of a huge tree than of a small one', () => {
    let made = 0;
    class Tree {
      get errors(): Tree[] {
        made += 60;
        return Array.from({ length: 60 }, () => new Tree());
      }
    }

    expect(classifyError(new Tree()).reason).toBe('unknown');
    expect(classifyError({ errors: Array.from({ length: 1_000_000 }, () => ({})) }).reason).toBe('unknown');
    expect(made).toBeLessThan(5000);
  });

  it('ends where wrappers hold each other', () => {
    const a = new AggregateError([]);
    const b = error({ originalError: a, lastError: a });
    a.errors.push(b, a);
    a.cause = b;

    expect(classifyError(a).reason).toBe('unknown');
  });
});

describe('the AI SDK’s own errors', () => {
  const made = (name: string): unknown => error({ name });
  const classes = Object.entries(ai)
    .filter(([key, value]) => typeof value === 'function' && /Error$/.test(key) && key !== 'AISDKError')
    .map(([key]) => key);

  /** Read through what they carry. */
  const transparent = ['APICallError', 'RetryError'];

  it.each(classes.filter((key) => !transparent.includes(key)))('%s is known', (key) => {
    expect(classifyError(made(`AI_${key}`)).reason).not.toBe('unknown');
  });

  it('are named as they are here', () => {
    const parsing = new ai.JSONParseError({ text: '{', cause: new SyntaxError('m') });
    const call = { url: 'u', requestBodyValues: {}, message: 'm', statusCode: 401 };

    expect(classifyError(parsing).reason).toBe('invalid_output');
    expect(classifyError(new ai.LoadAPIKeyError({ message: 'm' })).reason).toBe('auth');
    expect(classifyError(new ai.NoSuchModelError({ modelId: 'm', modelType: 'languageModel' })).reason).toBe(
      'not_found',
    );
    expect(classifyError(new ai.APICallError(call)).reason).toBe('auth');
  });
});
