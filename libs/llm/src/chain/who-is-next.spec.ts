import { afterEach, describe, expect, it } from '@jest/globals';
import { classifyError, type FailureReason } from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';
import { type LlmApp, type LlmAppOptions, startLlmApp } from '../../test/llm-app.fixture.js';
import { LlmBadRequestError, LlmUnavailableError } from '../llm.errors.js';

const HELLO = { prompt: 'hello' } as const;
const WRONG = { status: 400, error: { message: 'Unknown name "x"', type: 'invalid_request_error' } };
const TOO_LONG = { status: 400, error: { message: 'Too long', code: 'context_length_exceeded' } };
const FILTERED = { status: 400, error: { message: 'Blocked', code: 'content_policy_violation' } };
const BROKEN = { status: 500, error: { message: 'boom' } };

let app: LlmApp | undefined;
const start = async (options: LlmAppOptions = {}) =>
  (app = await startLlmApp({ resilience: { clock: new FakeClock(), random: () => 0 }, retry: false, ...options }));
afterEach(async () => {
  await app?.close();
  app = undefined;
});

const caught = (promise: Promise<unknown>) => promise.then(() => undefined, (error: unknown) => error); // prettier-ignore

describe('after a failure', () => {
  it.each<[what: string, status: number, message: string, reason: FailureReason]>([
    ['a parameter that the model lacks', 400, "Unsupported parameter: 'max_tokens' is not supported with this model.", 'bad_request'],
    ['a form of answers that it lacks', 400, "'response_format' of type 'json_schema' is not supported with this model.", 'bad_request'],
    ['a body that this vendor does not read', 422, 'body.messages.0: extra fields not permitted', 'bad_request'],
    ['a method that is not served', 405, 'Method Not Allowed', 'bad_request'],
    ['a conflict', 409, 'Conflict', 'bad_request'],
    ['a key that is refused with 400', 400, 'API key not valid. Please pass a valid API key.', 'auth'],
    ['a model that was taken away', 400, 'The model `x` has been decommissioned', 'not_found'],
    ['a country that is not served', 400, 'User location is not supported for the API use.', 'permission'],
    ['an account without money', 400, 'Your credit balance is too low', 'quota'],
  ])('of %s the next target is asked, once', async (_what, status, message, reason) => {
    const { llm, openai, anthropic } = await start();
    openai.onMessage(/hello/, { status, error: { message } });
    anthropic.onMessage(/hello/, { content: 'Bonjour' });

    const result = await llm.complete(HELLO);

    expect(result).toMatchObject({ provider: 'anthropic', attempts: 2 });
    expect(result.tries).toMatchObject([{ outcome: 'failed', reason }, { outcome: 'ok' }]);
  }); // prettier-ignore

  it('a request that everybody calls wrong is thrown, with all that was tried, and offline does not stand in for it', async () => {
    const { llm, openai, anthropic } = await start();
    openai.onMessage(/hello/, WRONG);
    anthropic.onMessage(/hello/, WRONG);

    const error = await caught(llm.complete(HELLO));

    expect(error).toBeInstanceOf(LlmBadRequestError);
    expect(error).toMatchObject({
      code: 'RESILIENCE_LLM_BAD_REQUEST',
      cause: { statusCode: 400 },
      tries: [{ provider: 'openai', reason: 'bad_request' }, { provider: 'anthropic', reason: 'bad_request' }],
      failures: [{ provider: 'openai' }, { provider: 'anthropic' }],
    }); // prettier-ignore
    expect(classifyError(error)).toMatchObject({ reason: 'bad_request', retryable: false, countsAsFailure: false });
  });

  it('a request that only one calls wrong is no wrong request', async () => {
    const { llm, openai, anthropic } = await start({ offline: false });
    openai.onMessage(/hello/, WRONG);
    anthropic.onMessage(/hello/, BROKEN);

    const error = await caught(llm.complete(HELLO));

    expect(error).toBeInstanceOf(LlmUnavailableError);
    expect(error).toMatchObject({ statusCode: 503, failures: [{ reason: 'bad_request' }, { reason: 'server_error' }] });
  });

  it('a refused text is thrown, unless the next filter may be asked', async () => {
    const { llm, openai, anthropic } = await start();
    openai.onMessage(/hello/, FILTERED);
    anthropic.onMessage(/hello/, { content: 'Bonjour' });
    await expect(llm.complete(HELLO)).rejects.toMatchObject({ statusCode: 400 });
    expect(anthropic.getRequests()).toHaveLength(0);
    await app?.close();

    const next = await start({ onContentPolicy: 'next' });
    next.openai.onMessage(/hello/, FILTERED);
    next.anthropic.onMessage(/hello/, { content: 'Bonjour' });
    expect(await next.llm.complete(HELLO)).toMatchObject({ provider: 'anthropic' });
  });

  it('the application may decide otherwise, reason by reason', async () => {
    const { llm, openai, anthropic } = await start({ fallThrough: { bad_request: false } });
    openai.onMessage(/hello/, WRONG);
    anthropic.onMessage(/hello/, { content: 'Bonjour' });

    await expect(llm.complete(HELLO)).rejects.toMatchObject({ statusCode: 400, message: 'Unknown name "x"' });
    expect(anthropic.getRequests()).toHaveLength(0);
  });
});

describe('a text that is too long', () => {
  const LONG = { prompt: `hello ${'word '.repeat(8_000)}` } as const;

  it('is not sent where its estimate is beyond the declared window', async () => {
    const { llm, openai, anthropic } = await start({
      openai: { contextWindow: 8_000 },
      anthropic: { contextWindow: 200_000 },
    });
    anthropic.onMessage(/hello/, { content: 'Bonjour' });

    const result = await llm.complete(LONG);

    expect(result).toMatchObject({ provider: 'anthropic', attempts: 1 });
    expect(result.tries[0]).toMatchObject({ provider: 'openai', outcome: 'skipped', reason: 'context_length' });
    expect(openai.getRequests()).toHaveLength(0);
  });

  it('is thrown as a wrong request when no window holds it, before anything is paid', async () => {
    const { llm, openai, anthropic } = await start({
      openai: { contextWindow: 8_000 },
      anthropic: { contextWindow: 9_000 },
    });

    const error = await caught(llm.complete(LONG));

    expect(error).toMatchObject({
      name: 'LlmBadRequestError',
      message: expect.stringContaining('context window 8000'),
    });
    expect(classifyError(error).reason).toBe('context_length');
    expect([openai.getRequests(), anthropic.getRequests()]).toEqual([[], []]);
  });

  it.each<[what: string, small: number | undefined, large: number | undefined]>([
    ['from a declared window to one that is not known', 8_000, undefined],
    ['from an unknown window to a declared one', undefined, 1_000_000],
    ['from an unknown window to another', undefined, undefined],
  ])('goes on %s', async (_what, small, large) => {
    const window = (contextWindow: number | undefined) => (contextWindow === undefined ? {} : { contextWindow });
    const { llm, openai, anthropic } = await start({ openai: window(small), anthropic: window(large) });
    openai.onMessage(/hello/, TOO_LONG);
    anthropic.onMessage(/hello/, { content: 'Bonjour' });

    expect(await llm.complete(HELLO)).toMatchObject({ provider: 'anthropic', attempts: 2 });
  });

  it('does not go on to a window that is no larger', async () => {
    const { llm, openai, anthropic } = await start({
      openai: { contextWindow: 8_000 },
      anthropic: { contextWindow: 8_000 },
    });
    openai.onMessage(/hello/, TOO_LONG);

    const error = await caught(llm.complete(HELLO));

    expect(error).toMatchObject({ name: 'LlmBadRequestError', cause: { statusCode: 400 } });
    expect(classifyError(error).reason).toBe('context_length');
    expect(anthropic.getRequests()).toHaveLength(0);
  });
});

describe('a target that is gone, or whose key is bad', () => {
  it.each([
    ['a gone model', { status: 404, error: { message: 'The model does not exist' } }, 'not_found'],
    ['a bad key', { status: 401, error: { message: 'Incorrect API key' } }, 'auth'],
  ])('%s is asked once, then stands behind the others for five minutes, and is asked when they fail', async (_what, refusal, reason) => {
    const clock = new FakeClock();
    const { llm, openai, anthropic } = await start({ resilience: { clock, random: () => 0 }, offline: false });
    openai.onMessage(/hello/, refusal);
    anthropic.onMessage(/hello/, { content: 'Bonjour' });
    for (let call = 0; call < 8; call++) await llm.complete(HELLO);
    expect(openai.getRequests()).toHaveLength(1);
    expect((await llm.complete(HELLO)).tries[0]).toMatchObject({ provider: 'openai', outcome: 'skipped', reason });

    anthropic.resetMatchCounts().clearFixtures();
    anthropic.onMessage(/hello/, BROKEN);
    await expect(llm.complete(HELLO)).rejects.toBeInstanceOf(LlmUnavailableError);
    expect(openai.getRequests()).toHaveLength(2);

    await clock.advance('5m');
    await expect(llm.complete(HELLO)).rejects.toBeInstanceOf(LlmUnavailableError);
    expect(openai.getRequests()).toHaveLength(3);
  }); // prettier-ignore
});
