import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import {
  type Asked,
  type ChainApp,
  chat,
  json,
  startChain,
  startVendor,
  type Vendor,
  words,
} from '../../test/vendor.fixture.js';

const NUMBER = z.object({ n: z.number() });
const settings = { temperature: 0, topP: 0.5, seed: 1, stopSequences: ['END'], maxOutputTokens: 50 };

describe('a model that does not know what it is asked for', () => {
  let vendor: Vendor;
  let app: ChainApp;

  beforeEach(async () => {
    vendor = await startVendor(json(200, chat('{"n":1}')));
    const provider = { kind: 'openai-compatible', apiKey: 'k', model: 'm', baseURL: vendor.baseURL } as const;
    app = await startChain({ providers: [{ ...provider, name: 'first' }] });
  });
  afterEach(() => Promise.all([app.close(), vendor.close()]));

  /** It refuses as long as the body has this in it. */
  const refuse = (has: (body: Asked['body']) => unknown, message: string, status = 400, more: object = {}) => {
    vendor.answer = (response, asked, count) => {
      const refused = json(status, { error: { message, type: 'invalid_request_error', ...more } });
      const answer = asked.body['stream'] === true ? words('hello') : json(200, chat('{"n":1}'));
      (has(asked.body) ? refused : answer)(response, asked, count);
    };
  };
  const formatOf = (body: Asked['body']) => (body['response_format'] as { type?: string } | undefined)?.type;

  it.each([
    'This model does not support response format `json_schema`. See supported models at https://console.groq.com/docs/structured-outputs#supported-models',
    "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
    "response_format.type must be 'text' or 'json_object'",
    'This response_format type is unavailable now',
    'Structured outputs are not supported by this model',
  ])('is asked in JSON mode from then on: %s', async (message) => {
    refuse((body) => formatOf(body) === 'json_schema', message);

    const first = await app.llm.complete({ prompt: 'a number', schema: NUMBER });
    const second = await app.llm.complete({ prompt: 'a number', schema: NUMBER });

    expect(first).toMatchObject({
      object: { n: 1 },
      attempts: 2,
      retries: 0,
      tries: [{ outcome: 'failed' }, { outcome: 'ok' }],
    });
    expect(second).toMatchObject({ object: { n: 1 }, attempts: 1 });
    expect(vendor.asked.map(({ body }) => formatOf(body))).toEqual(['json_schema', 'json_object', 'json_object']);
    expect(JSON.stringify(vendor.asked[1]?.body['messages'])).toContain('JSON Schema');
  });

  it('is only told in words when it knows no JSON mode either', async () => {
    refuse((body) => formatOf(body) !== undefined, 'response_format is not supported');

    const result = await app.llm.complete({ prompt: 'a number', schema: NUMBER });

    expect(result.object).toEqual({ n: 1 });
    expect(vendor.asked.map(({ body }) => formatOf(body))).toEqual(['json_schema', 'json_object', undefined]);
  });

  it('keeps its way when only this schema is refused', async () => {
    refuse(
      (body) => formatOf(body) === 'json_schema',
      "Invalid schema for response_format 'response': unsupported keyword",
    );

    await app.llm.complete({ prompt: 'a number', schema: NUMBER }).catch(() => undefined);

    expect(vendor.asked.map(({ body }) => formatOf(body))).toEqual(['json_schema']);
  });

  it.each([
    [
      'temperature',
      'temperature',
      "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported.",
    ],
    ['topP', 'top_p', '`top_p` and `temperature` cannot both be specified for this model. Please use only one.'],
    ['seed', 'seed', "property 'seed' is unsupported, did you mean 'speed'?"],
    ['stopSequences', 'stop', 'Argument not supported on this model: stop'],
    [
      'maxOutputTokens',
      'max_tokens',
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    ],
  ])('is asked without %s, and the result says so', async (name, wireName, message) => {
    refuse((body) => body[wireName] !== undefined, message);

    const first = await app.llm.complete({ prompt: 'x', ...settings });
    const stream = app.llm.stream({ prompt: 'x', ...settings });
    for await (const _text of stream);

    expect(first).toMatchObject({ attempts: 2, retries: 0, leftOut: [name] });
    expect(await stream.result).toMatchObject({ attempts: 1, leftOut: [name] });
    expect(vendor.asked[1]?.body).not.toHaveProperty(wireName);
    const { [name as 'seed']: _left, ...others } = settings;
    expect(Object.keys(vendor.asked[1]!.body).length).toBe(Object.keys(others).length + 2);
  });

  it('is asked again in the same way by a stream', async () => {
    refuse((body) => body['seed'] !== undefined, 'Unknown name "seed": Cannot find field.');

    const stream = app.llm.stream({ prompt: 'x', ...settings });
    let text = '';
    for await (const piece of stream) text += piece;

    expect(text).toBe('hello');
    expect(await stream.result).toMatchObject({ attempts: 2, leftOut: ['seed'] });
  });

  it('is told in the words of a vendor that lists what is wrong', async () => {
    const detail = [{ type: 'extra_forbidden', loc: ['body', 'seed'], msg: 'Extra inputs are not permitted' }];
    vendor.answer = (response, asked, count) =>
      json(asked.body['seed'] === undefined ? 200 : 422, asked.body['seed'] === undefined ? chat('ok') : { detail })(response, asked, count); // prettier-ignore

    expect(await app.llm.complete({ prompt: 'x', ...settings })).toMatchObject({ leftOut: ['seed'] });
  });

  it.each(['temperature must be between 0 and 1', 'the prompt is not allowed', "unsupported parameter: 'tools'"])(
    'is not asked again for another fault: %s',
    async (message) => {
      refuse(() => true, message);

      await app.llm.complete({ prompt: 'x', temperature: 5 }).catch(() => undefined);

      expect(vendor.asked).toHaveLength(1);
    },
  );

  it('is not asked again for ever', async () => {
    refuse(() => true, 'temperature, top_p, seed, stop, max_tokens and response_format are not supported');

    await app.llm.complete({ prompt: 'x', schema: NUMBER, ...settings }).catch(() => undefined);

    expect(vendor.asked.length).toBeLessThanOrEqual(8);
  });
});
