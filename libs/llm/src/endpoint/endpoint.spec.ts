import { InferenceClient } from '@huggingface/inference';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ResilienceModule } from '@nest-resilience/core';
import type { LlmEndpointOptions } from './endpoint.options.js';
import { LlmModule } from '../llm.module.js';
import type { LlmModuleOptions } from '../llm.options.js';
import { LLM_BUDGET_STORE, type LlmBudgetStore } from '../budget/budget-store.js';
import { LLM_SHARED_LIMITS, type SharedLimits } from '../chain/shared-limits.js';
import { Global, type INestApplication, Module, type ValueProvider } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { Test } from '@nestjs/testing';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { createHash } from 'node:crypto';
import OpenAI from 'openai';
import {
  type Answering,
  chat,
  chunk,
  dead,
  events,
  json,
  sendEvents,
  startVendor,
  toolCall,
  type Vendor,
  words,
} from '../../test/vendor.fixture.js';

const KEY = 'team-a-0123456789abcdef';
const OTHER_KEY = 'team-b-0123456789abcdef';
const PNG = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='; // prettier-ignore

async function all<T>(parts: AsyncIterable<T>): Promise<T[]> {
  const read: T[] = [];
  for await (const part of parts) read.push(part);
  return read;
}

const vectors: Answering = (response, asked, count) => {
  const data = (asked.body['input'] as string[]).map((_, index) => ({
    object: 'embedding',
    index,
    embedding: [index, 0.5],
  }));
  json(200, { object: 'list', model: 'e', data, usage: { prompt_tokens: 3, total_tokens: 3 } })(response, asked, count);
};

describe.each(['express', 'fastify'] as const)('the OpenAI-compatible endpoint on %s', (adapter) => {
  let first: Vendor;
  let second: Vendor;
  let app: INestApplication;
  let url: string;
  let openai: OpenAI;

  beforeEach(async () => {
    [first, second] = [await startVendor(dead), await startVendor(json(200, chat('hello')))];
  });
  afterEach(async () => {
    await app?.close();
    await Promise.all([first.close(), second.close()]);
  });

  async function start(
    endpoint: Partial<LlmEndpointOptions> = {},
    more: Partial<LlmModuleOptions> = {},
    shared: readonly ValueProvider[] = [],
  ): Promise<void> {
    @Global()
    @Module({ providers: [...shared], exports: shared.map(({ provide }) => provide) })
    class Shared {}
    const provider = {
      kind: 'openai',
      apiKey: 'k',
      cost: { inputPerMillion: 100_000, outputPerMillion: 100_000 },
    } as const;
    const module = await Test.createTestingModule({
      imports: [
        Shared,
        ResilienceModule.forRoot(),
        LlmModule.forRoot({
          health: { enabled: false },
          retry: { maxRetries: 1, baseDelay: 1, jitter: 'none' },
          providers: [
            { ...provider, name: 'first', model: 'fast', baseURL: first.baseURL },
            { ...provider, name: 'second', kind: 'openai-compatible', model: 'slow', baseURL: second.baseURL },
          ],
          embeddings: [
            { name: 'first', kind: 'openai', apiKey: 'k', model: 'e', baseURL: first.baseURL },
            { name: 'second', kind: 'openai', apiKey: 'k', model: 'e', baseURL: second.baseURL },
          ],
          endpoint: { keys: { a: { token: KEY } }, ...endpoint },
          ...more,
        }),
      ],
    }).compile();
    app = adapter === 'fastify' ? module.createNestApplication(new FastifyAdapter()) : module.createNestApplication();
    await app.listen(0, '127.0.0.1');
    url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
    openai = new OpenAI({ apiKey: KEY, baseURL: `${url}/v1`, maxRetries: 0 });
  }

  const user = (content: string) => [{ role: 'user' as const, content }];
  const post = (body: unknown, path = 'chat/completions', headers: Record<string, string> = {}) =>
    fetch(`${url}/v1/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });

  it('answers a spent budget of the module as a spent quota, and sends nothing', async () => {
    await start({}, { budget: { usd: 0.000_001, per: 'call' } });

    const error: unknown = await openai.chat.completions
      .create({ model: 'auto', messages: user('hello') })
      .catch((thrown: unknown) => thrown);

    expect(error).toMatchObject({ status: 429, code: 'insufficient_quota' });
    expect([first.asked.length, second.asked.length]).toEqual([0, 0]);
  });

  it('answers as it is described', async () => {
    await start();
    second.answer = (response, asked, count) =>
      (count === 2
        ? json(200, chat({ content: null, tool_calls: [toolCall('look', {})] }, 'tool_calls'))
        : asked.path.endsWith('embeddings')
          ? vectors
          : json(200, chat('hello')))(response, asked, count);
    first.answer = (response, asked, count) =>
      (asked.path.endsWith('embeddings') ? vectors : dead)(response, asked, count);
    const { paths } = SwaggerModule.createDocument(app, new DocumentBuilder().build());
    const expectDescribed = async (answer: Response, path: string, method: 'get' | 'post') => {
      const { content } = (paths[`/v1/${path}`]?.[method]?.responses[answer.status] ?? {}) as {
        content?: Record<string, { schema: object }>;
      };
      const validate = new Ajv2020({ strict: false }).compile(content?.['application/json']?.schema ?? false);
      expect([path, answer.status, validate(await answer.json()), validate.errors]).toEqual([
        path,
        answer.status,
        true,
        null,
      ]);
    };
    const read = (path: string, key = KEY) =>
      fetch(`${url}/v1/${path}`, { headers: { authorization: `Bearer ${key}` } });
    const tools = [tool({ type: 'object', properties: {} })];

    await expectDescribed(await read('models'), 'models', 'get');
    await expectDescribed(await read('models/slow'), 'models/{id}', 'get');
    await expectDescribed(await read('models/none'), 'models/{id}', 'get');
    await expectDescribed(await read('models', 'nobody'), 'models', 'get');
    await expectDescribed(await post({ model: 'auto', messages: user('hi') }), 'chat/completions', 'post');
    await expectDescribed(await post({ model: 'auto', messages: user('hi'), tools }), 'chat/completions', 'post');
    await expectDescribed(await post({ model: 'auto', messages: user('hi'), x: 1 }), 'chat/completions', 'post');
    await expectDescribed(await post({ model: 'fast', messages: [] }), 'chat/completions', 'post');
    await expectDescribed(await post({ model: 'auto', input: ['a', 'b'] }, 'embeddings'), 'embeddings', 'post');
    await expectDescribed(await post({ model: 'auto', input: 5 }, 'embeddings'), 'embeddings', 'post');
    expect(Object.keys(paths).filter((path) => path.startsWith('/v1'))).toHaveLength(4);
  });

  it('says what a guard refused', async () => {
    await start({}, { guards: { before: { maxChars: 3 } } });

    const answer = await post({ model: 'auto', messages: user('hello') });

    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      error: {
        code: 'content_filter',
        message: expect.stringContaining('A guard refused the request: it has 5 characters'),
      },
    });
  });

  it('answers the openai client over the target that is alive', async () => {
    await start();

    const { data, response } = await openai.chat.completions
      .create({ model: 'fast', messages: [{ role: 'developer', content: 'be kind' }, ...user('hi')], temperature: 0 })
      .withResponse();

    expect(data).toMatchObject({
      ...{ object: 'chat.completion', model: 'slow', created: expect.any(Number) },
      choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 },
    });
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-resilience-provider': 'second',
      'x-resilience-fallback-level': '1',
      'x-resilience-attempts': '3',
      'x-resilience-cost-usd': '1.2',
    });
    expect(second.asked[0]?.body).toMatchObject({
      messages: [
        { role: 'system', content: 'be kind' },
        { role: 'user', content: 'hi' },
      ],
      temperature: 0,
    });
  });

  it('streams to the openai client', async () => {
    second.answer = events(
      chunk({ reasoning_content: 'hm' }),
      chunk({ content: 'hel' }),
      chunk({ content: 'lo' }),
      chunk({}, 'stop', { usage: { prompt_tokens: 5, completion_tokens: 7 } }),
    );
    await start();

    const { data: stream, response } = await openai.chat.completions
      .create({ model: 'auto', messages: user('hi'), stream: true, stream_options: { include_usage: true } })
      .withResponse();
    const chunks = await all(stream);

    const deltas = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta));
    expect(deltas.map(({ content }) => content ?? '').join('')).toBe('hello');
    expect(deltas.map((delta) => (delta as { reasoning_content?: string }).reasoning_content ?? '').join('')).toBe(
      'hm',
    );
    expect(deltas[0]).toMatchObject({ role: 'assistant' });
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe('stop');
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 5, completion_tokens: 7 } });
    expect(response.headers.get('x-resilience-provider')).toBe('second');
  });

  it('counts no tokens to a stream that did not ask for them', async () => {
    second.answer = words('hello');
    await start();

    const chunks = await all(
      await openai.chat.completions.create({ model: 'auto', messages: user('hi'), stream: true }),
    );

    expect(chunks.filter((one) => 'usage' in one)).toEqual([]);
  });

  it('runs the tools of the openai client, whole and streamed', async () => {
    second.answer = (response, asked, count) => {
      const last = (asked.body['messages'] as { role: string }[]).at(-1)?.role;
      const [whole, parts] =
        last === 'tool'
          ? [json(200, chat('It is sunny in Oslo')), words('It is sunny ', 'in Oslo')]
          : [
              json(200, chat({ content: null, tool_calls: [toolCall('weather', { city: 'Oslo' })] }, 'tool_calls')),
              events(
                chunk({ tool_calls: [{ index: 0, ...toolCall('weather', { city: 'Oslo' }), function: { name: 'weather', arguments: '' } }] }), // prettier-ignore
                chunk({ tool_calls: [{ index: 0, function: { arguments: '{"city":"Oslo"}' } }] }),
                chunk({}, 'tool_calls'),
              ),
            ];
      (asked.body['stream'] === true ? parts : whole)(response, asked, count);
    };
    await start();
    const asked = {
      model: 'auto',
      messages: user('How is the weather in Oslo?'),
      tools: [
        {
          type: 'function' as const,
          function: {
            name: 'weather',
            function: ({ city }: { city: string }) => `sunny in ${city}`,
            parse: JSON.parse as (text: string) => { city: string },
            description: 'The weather',
            parameters: { type: 'object', properties: { city: { type: 'string' } } },
          },
        },
      ],
    };

    expect(await openai.chat.completions.runTools(asked).finalContent()).toBe('It is sunny in Oslo');
    expect(await openai.chat.completions.runTools({ ...asked, stream: true }).finalContent()).toBe(
      'It is sunny in Oslo',
    );
  });

  it('checks an answer against the schema of its request', async () => {
    second.answer = (response, asked, count) =>
      json(200, chat(count === 1 ? '{"n":"one"}' : '{"n":1}'))(response, asked, count);
    await start();

    const { choices } = await openai.chat.completions.create({
      model: 'slow',
      messages: user('a number'),
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'n', schema: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] } },
      },
    });

    expect(choices[0]?.message.content).toBe('{"n":1}');
  });

  it('passes images on, larger than parsers allow', async () => {
    await start();
    const large = `${PNG.slice(0, -2)}${'A'.repeat(300_000)}`;

    await openai.chat.completions.create({
      model: 'slow',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'what?' },
            { type: 'image_url', image_url: { url: large } },
            { type: 'image_url', image_url: { url: 'https://host/cat.png' } },
          ],
        },
      ],
    });

    expect(second.asked[0]?.body['messages']).toMatchObject([
      {
        content: [
          { type: 'text' },
          { type: 'image_url', image_url: { url: expect.stringMatching(/^data:image\/png;base64,iVBOR/) } },
          { type: 'image_url', image_url: { url: 'https://host/cat.png' } },
        ],
      },
    ]);
  });

  it.each(['float', 'base64'] as const)('makes vectors for the openai client: %s', async (encoding_format) => {
    second.answer = vectors;
    await start();

    const { data, usage } = await openai.embeddings.create({ model: 'e', input: ['a', 'b'], encoding_format });

    const [, made] = data;
    const vector =
      encoding_format === 'float'
        ? made?.embedding
        : [...new Float32Array(Uint8Array.from(Buffer.from(made?.embedding as unknown as string, 'base64')).buffer)];
    expect(vector).toEqual([1, 0.5]);
    expect(usage).toEqual({ prompt_tokens: 3, total_tokens: 3 });
  });

  it('lists what a team may ask', async () => {
    await start({ keys: { a: { token: KEY }, b: { token: OTHER_KEY, models: ['slow'] } } });
    const ids = async (client: OpenAI) => (await all(await client.models.list())).map(({ id }) => id);

    expect(await ids(openai)).toEqual([
      'auto',
      'fast',
      'first:fast',
      'slow',
      'second:slow',
      'e',
      'first:e',
      'second:e',
    ]);
    expect(await ids(openai.withOptions({ apiKey: OTHER_KEY }))).toEqual(['auto', 'slow', 'second:slow']);
    expect(await openai.models.retrieve('slow')).toMatchObject({ id: 'slow', object: 'model', owned_by: 'second' });
    await expect(openai.models.retrieve('x')).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  });

  it('answers another client that speaks the wire', async () => {
    second.answer = (response, asked, count) =>
      (asked.body['stream'] === true ? words('hel', 'lo') : json(200, chat('hello')))(response, asked, count);
    await start();
    const client = new InferenceClient(KEY, { endpointUrl: url });

    const whole = await client.chatCompletion({ model: 'fast', messages: user('hi'), max_tokens: 10 });
    let text = '';
    for await (const part of client.chatCompletionStream({ model: 'fast', messages: user('hi') }))
      text += part.choices[0]?.delta.content ?? '';

    expect([whole.choices[0]?.message.content, text]).toEqual(['hello', 'hello']);
  });

  it('ends the call upstream when its client leaves', async () => {
    second.answer = (response) => void sendEvents(response, chunk({ content: 'one ' }));
    await start();

    const stream = await openai.chat.completions.create({ model: 'slow', messages: user('hi'), stream: true });
    for await (const _part of stream) break;
    await second.left;

    second.answer = () => caller.abort();
    const caller = new AbortController();
    await openai.chat.completions
      .create({ model: 'second:slow', messages: user('hi') }, { signal: caller.signal })
      .catch(() => undefined);
    await second.left;
    expect(first.asked).toHaveLength(0);
  });

  it('says in a stream that it broke', async () => {
    second.answer = (response) => void sendEvents(response, chunk({ content: 'Dear ' })).end();
    await start();

    const stream = await openai.chat.completions.create({ model: 'slow', messages: user('hi'), stream: true });
    let text = '';
    const error = await (async () => {
      for await (const part of stream) text += part.choices[0]?.delta.content ?? '';
    })().catch((caught: unknown) => caught);

    expect(text).toBe('Dear ');
    expect(error).toBeInstanceOf(OpenAI.APIError);
    expect(error).toMatchObject({ code: 'network' });
  });

  it('says when nobody can answer, and when to come back', async () => {
    second.answer = json(
      429,
      { error: { message: 'slow down, key sk-very-secret-0123456789' } },
      { 'retry-after': '30' },
    );
    await start({}, { retry: false });

    const error: unknown = await openai.chat.completions
      .create({ model: 'fast', messages: user('hi') })
      .catch((e: unknown) => e);

    expect(error).toBeInstanceOf(OpenAI.InternalServerError);
    expect(error).toMatchObject({ status: 503, code: 'no_model_available', type: 'api_error' });
    expect((error as Error).message).toContain('first:fast server_error, second:slow rate_limit');
    expect((error as Error).message).not.toContain('secret');
    expect(Number((error as InstanceType<typeof OpenAI.APIError>).headers?.get('retry-after'))).toBeGreaterThanOrEqual(
      29,
    );
  });

  it.each<[string, Answering, number, string]>([
    [
      'a text that is too long',
      json(400, { error: { message: 'too long', code: 'context_length_exceeded' } }),
      400,
      'context_length_exceeded',
    ],
    [
      'a text that is refused',
      json(400, { error: { message: 'no', code: 'content_policy_violation' } }),
      400,
      'content_filter',
    ],
    [
      'a request that its vendor does not take',
      json(400, { error: { message: 'wrong top_p' } }),
      400,
      'invalid_request',
    ],
  ])('hands on what is wrong with %s', async (_what, answer, status, code) => {
    [first.answer, second.answer] = [answer, answer];
    await start();

    await expect(openai.chat.completions.create({ model: 'fast', messages: user('hi') })).rejects.toMatchObject({
      status,
      code,
    });
  });

  it.each([undefined, 'Bearer wrong-0123456789abcdef', 'Basic abc'])(
    'lets nobody in with %s',
    async (authorization) => {
      await start();

      for (const path of ['chat/completions', 'embeddings', 'models']) {
        const method = path === 'models' ? 'GET' : 'POST';
        const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
        const answer = await fetch(`${url}/v1/${path}`, { method, headers });
        expect([answer.status, await answer.json()]).toMatchObject([401, { error: { code: 'invalid_api_key' } }]);
      }
    },
  );

  it('knows a key by its digest', async () => {
    await start({ keys: { a: { sha256: createHash('sha256').update(KEY).digest('hex') } } });

    expect((await openai.chat.completions.create({ model: 'slow', messages: user('hi') })).model).toBe('slow');
  });

  it('asks for a team only what it may ask, also as a fallback', async () => {
    await start({ keys: { a: { token: KEY, models: ['first'] } } });

    await expect(openai.chat.completions.create({ model: 'slow', messages: user('hi') })).rejects.toMatchObject({
      status: 404,
    });
    await expect(openai.chat.completions.create({ model: 'fast', messages: user('hi') })).rejects.toMatchObject({
      status: 503,
    });
    expect(second.asked).toHaveLength(0);
  });

  it('holds a team to its limits', async () => {
    await start({ keys: { a: { token: KEY, limits: { requestsPerMinute: 1 } } } });
    await openai.chat.completions.create({ model: 'slow', messages: user('hi') });

    const error: unknown = await openai.chat.completions
      .create({ model: 'slow', messages: user('hi') })
      .catch((e: unknown) => e);

    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    expect(error).toMatchObject({ status: 429, code: 'rate_limit_exceeded', type: 'rate_limit_error' });
    expect(Number((error as InstanceType<typeof OpenAI.APIError>).headers?.get('retry-after'))).toBeGreaterThan(0);
  });

  it.each([
    ['fail', 1],
    ['warn', 2],
  ] as const)('holds a team to its budget: %s', async (then, served) => {
    await start({ keys: { a: { token: KEY, budget: { usd: 1, then } } } });
    const ask = () => openai.chat.completions.create({ model: 'slow', messages: user('hi'), max_tokens: 1 });
    await ask();

    const second_ = await ask().catch((error: unknown) => error);

    if (then === 'fail')
      expect(second_).toMatchObject({
        ...{ status: 429, code: 'insufficient_quota', type: 'insufficient_quota' },
        message: expect.stringContaining("The budget of team 'a' has no room"),
      });
    expect(second.asked).toHaveLength(served);
  });

  it('keeps the budget and the limits of a team where all replicas count', async () => {
    const spent = new Map<string, number>();
    const taken: [string, number, number][] = [];
    const budgets: LlmBudgetStore = {
      add: (key, usd) => {
        spent.set(key, (spent.get(key) ?? 0) + usd);
        return Promise.resolve(spent.get(key) ?? 0);
      },
    };
    const limits: SharedLimits = {
      take: (name, tokens, perMinute) => {
        taken.push([name, tokens, perMinute]);
        return Promise.resolve(taken.length < 3 ? { ok: true, cooldownMs: 0 } : { ok: false, waitMs: 5_000 });
      },
      settle: () => undefined,
      cool: () => undefined,
      onCool: () => undefined,
    };
    const shared = [
      { provide: LLM_BUDGET_STORE, useValue: budgets },
      { provide: LLM_SHARED_LIMITS, useValue: limits },
    ];
    const keys = { a: { token: KEY, budget: { usd: 50 }, limits: { requestsPerMinute: 60 } } };
    await start({ keys }, {}, shared);
    const ask = () => openai.chat.completions.create({ model: 'slow', messages: user('hi'), max_tokens: 1 });
    await ask();
    await ask();

    await expect(ask()).rejects.toMatchObject({ status: 429, code: 'rate_limit_exceeded' });
    expect(taken).toEqual(taken.map(() => ['llm-team:a#requests', 1, 60]));
    // Twelve tokens an answer.
    expect([...spent]).toEqual([[expect.stringMatching(/^llm-budget:"a":day:/), expect.closeTo(2.4, 9)]]);
  });

  const tool = (parameters: unknown, name = 'look') => ({ type: 'function', function: { name, parameters } });
  it.each<[string, object | string, number, string, string?]>([
    ['an unknown model', { model: 'x' }, 404, 'model'],
    ['no model', { model: undefined }, 400, 'model'],
    ['an unknown field', { temprature: 1 }, 400, 'temprature', "did you mean 'temperature'"],
    ['a field that is not served', { logprobs: true }, 400, 'logprobs', 'is not served here'],
    ['several answers', { n: 2 }, 400, 'n'],
    ['old names of tools', { functions: [] }, 400, 'functions', "say 'tools'"],
    ['a number that is none', { temperature: 'hot' }, 400, 'temperature'],
    ['no messages', { messages: [] }, 400, 'messages'],
    ['a message that is none', { messages: ['x'] }, 400, 'messages[0]'],
    ['a role that is none', { messages: [{ role: 'robot', content: 'x' }] }, 400, 'messages[0].role'],
    ['content that is none', { messages: [{ role: 'user', content: 5 }] }, 400, 'messages[0].content'],
    [
      'a part that is none',
      { messages: [{ role: 'user', content: [{ type: 'video' }] }] },
      400,
      'messages[0].content[0].type',
    ],
    [
      'an image that is none',
      {
        messages: [
          { role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,aGVsbG8=' } }] },
        ],
      },
      400,
      'messages[0].content[0].image_url.url',
      'is no image',
    ],
    [
      'an image without base64',
      {
        messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,???' } }] }],
      },
      400,
      'messages[0].content[0].image_url.url',
      'is no base64',
    ],
    [
      'an image from a file',
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'file:///etc/passwd' } }] }] },
      400,
      'messages[0].content[0].image_url.url',
    ],
    [
      'an answer of a tool that nobody called',
      { messages: [{ role: 'tool', tool_call_id: 'c', content: 'x' }] },
      400,
      'messages[0].tool_call_id',
    ],
    [
      'a tool that does not exist',
      { tools: [tool({})], tool_choice: { type: 'function', function: { name: 'see' } } },
      400,
      'tool_choice.function.name',
      "There is no tool 'see'",
    ],
    ['a choice of no tools', { tool_choice: 'auto' }, 400, 'tool_choice'],
    ['a tool of one vendor', { tools: [{ type: 'web_search' }] }, 400, 'tools[0].type'],
    ['a tool with a wrong schema', { tools: [tool({ type: 'objekt' })] }, 400, 'tools[0].function.parameters'],
    [
      'a schema that leads back to itself',
      { tools: [tool({ $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } })] },
      400,
      'tools[0].function.parameters',
      'leads back to itself',
    ],
    [
      'a schema elsewhere',
      {
        response_format: {
          type: 'json_schema',
          json_schema: { name: 'x', schema: { $ref: 'http://169.254.169.254/' } },
        },
      },
      400,
      'response_format.json_schema.schema',
      'leads out of it',
    ],
    [
      'a schema that leads nowhere',
      { response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { $ref: '#/$defs/x' } } } },
      400,
      'response_format.json_schema.schema',
      'leads nowhere',
    ],
    ['a format that is none', { response_format: { type: 'xml' } }, 400, 'response_format.type'],
    ['a body that is no JSON', '{"model":', 400, 'body'],
    ['a body that is a list', '[]', 400, 'body'],
  ])('refuses %s', async (_what, change, status, param, words_ = '') => {
    await start();

    const answer = await post(typeof change === 'string' ? change : { model: 'slow', messages: user('hi'), ...change });

    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({
      error: { message: expect.stringContaining(words_), type: 'invalid_request_error', param },
    });
    expect(second.asked).toHaveLength(0);
  });

  it.each<[string, object, string]>([
    ['tokens', { input: [1, 2] }, 'input'],
    ['no text', { input: '' }, 'input'],
    ['another length', { dimensions: 7 }, 'dimensions'],
    ['another encoding', { encoding_format: 'hex' }, 'encoding_format'],
    ['an unknown field', { inputs: 'x' }, 'inputs'],
  ])('refuses vectors of %s', async (_what, change, param) => {
    await start();

    const answer = await post({ model: 'e', input: 'x', ...change }, 'embeddings');

    expect([answer.status, await answer.json()]).toMatchObject([400, { error: { param } }]);
  });

  it('reads no body that is too large, and none of a stranger', async () => {
    await start({ maxBodyBytes: 2_000_000 });
    const body = { model: 'slow', messages: user('x'.repeat(3_000_000)) };

    const large = await post(body);
    const stranger = await post(body, 'chat/completions', { authorization: 'Bearer nobody' });

    expect([large.status, await large.json()]).toMatchObject([413, { error: { code: 'request_too_large' } }]);
    expect([large, stranger].map(({ headers }) => headers.get('connection'))).toEqual(['close', 'close']);
    expect([stranger.status, await stranger.json()]).toMatchObject([401, { error: { code: 'invalid_api_key' } }]);
  });

  it('passes on what only one wire knows, and says where it had no place', async () => {
    first.answer = json(200, chat('hello'));
    const anthropic = await startVendor(
      json(200, { id: 'm', type: 'message', role: 'assistant', model: 'c', content: [{ type: 'text', text: 'bonjour' }], stop_reason: 'end_turn', usage: { input_tokens: 1, output_tokens: 1 } }), // prettier-ignore
    );
    const provider = { kind: 'openai', apiKey: 'k', model: 'm' } as const;
    await start(
      {},
      {
        providers: [
          { ...provider, name: 'first', baseURL: first.baseURL },
          { ...provider, name: 'second', kind: 'openai-compatible', baseURL: second.baseURL },
          { ...provider, name: 'third', kind: 'anthropic', baseURL: anthropic.baseURL },
        ],
      },
    );
    const ask = async (model: string) => {
      const asked = { model, messages: user('hi'), user: 'u1', reasoning_effort: 'low' as const };
      return (await openai.chat.completions.create(asked).asResponse()).headers.get('x-resilience-left-out');
    };

    expect([await ask('first'), await ask('second'), await ask('third')]).toEqual([null, null, 'user, reasoning_effort'].map((one) => one === null ? null : expect.stringContaining('reasoning_effort'))); // prettier-ignore
    expect(first.asked[0]?.body).toMatchObject({ user: 'u1', reasoning_effort: 'low' });
    expect(second.asked[0]?.body).toMatchObject({ user: 'u1', reasoning_effort: 'low' });
    await anthropic.close();
  });

  it('leaves the bodies of other routes to their parsers', async () => {
    await start();

    const answer = await fetch(`${url}/v1/other`, {
      method: 'POST',
      body: '{',
      headers: { 'content-type': 'application/json' },
    });

    expect([400, 404]).toContain(answer.status);
  });
});

describe('the options of the endpoint', () => {
  const read = (endpoint: unknown) =>
    LlmModule.forRoot({
      providers: [{ name: 'a', kind: 'offline', model: 'm' }],
      endpoint: endpoint as LlmEndpointOptions,
    });

  it.each<[string, unknown, string]>([
    ['no keys', { path: 'v1' }, 'keys by the name of a team'],
    ['a short token', { keys: { a: { token: 'abc' } } }, 'a string of at least 16 characters'],
    ['two secrets', { keys: { a: { token: KEY, sha256: 'a'.repeat(64) } } }, "either 'token' or 'sha256'"],
    ['an unknown option', { keys: { a: { token: KEY, modles: [] } } }, "did you mean 'models'?"],
    ['a budget without money', { keys: { a: { token: KEY, budget: {} } } }, 'US dollars'],
    ['a path that is none', { path: 'a b', keys: { a: { token: KEY } } }, "a path such as 'v1'"],
  ])('are refused with %s', (_what, endpoint, words_) => {
    expect(() => read(endpoint)).toThrow(words_);
  });

  it('never show a token', () => {
    expect(() => read({ keys: { a: { token: 'short-secret' } } })).not.toThrow('short-secret');
  });

  it('are refused with a model that nobody has', async () => {
    const module = Test.createTestingModule({
      imports: [ResilienceModule.forRoot(), read({ keys: { a: { token: KEY, models: ['gpt'] } } })],
    });

    await expect(module.compile()).rejects.toThrow("models: got 'gpt', expected the name of a provider");
  });
});
