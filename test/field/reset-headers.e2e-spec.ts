import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import Anthropic from '@anthropic-ai/sdk';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { classifyError } from '@nest-resilience/core';
import { generateText } from 'ai';
import OpenAI from 'openai';

const NOW = Date.UTC(2026, 0, 1);
const at = (seconds: number) => new Date(NOW + seconds * 1000).toISOString();
const epoch = (seconds: number) => String(NOW / 1000 + seconds);

type Row = [what: string, ms: number | undefined, headers: Record<string, string>, body?: object, status?: number];

const ROWS: Row[] = [
  [
    'Anthropic, of the limit that is used up',
    20_000,
    {
      'anthropic-ratelimit-requests-remaining': '0',
      'anthropic-ratelimit-requests-reset': at(20),
      'anthropic-ratelimit-input-tokens-remaining': '16000',
      'anthropic-ratelimit-input-tokens-reset': at(60),
    },
  ],
  ['IETF draft 6', 30_000, { 'ratelimit-limit': '60', 'ratelimit-remaining': '0', 'ratelimit-reset': '30' }],
  ['IETF draft 7', 30_000, { ratelimit: 'limit=60, remaining=0, reset=30' }],
  ['IETF draft 8', 30_000, { ratelimit: '"burst";r=0;t=30, "daily";r=17;t=3600' }],
  ['X', 30_000, { 'x-rate-limit-remaining': '0', 'x-rate-limit-reset': epoch(30) }],
  ['X, by user and day', 50_000, { 'x-user-limit-24hour-remaining': '0', 'x-user-limit-24hour-reset': epoch(50) }],
  ['Linear', 9000, { 'x-ratelimit-requests-remaining': '0', 'x-ratelimit-requests-reset': String(NOW + 9000) }],
  ['Reddit', 123_000, { 'x-ratelimit-remaining': '0.0', 'x-ratelimit-reset': '123' }],
  ['Discord', 1500, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset-after': '1.5' }],
  ['Azure', 2500, { 'x-ms-retry-after-ms': '2500' }],
  ['a malformed Retry-After beside a sound reset', 4000, { 'retry-after': '-1', 'ratelimit-reset': '4' }],
  ['room is left', undefined, { 'x-ratelimit-remaining': '5', 'x-ratelimit-reset': '60' }],
  ['it was long ago', undefined, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': epoch(-60) }],
  ['a 500 while the limit is used up', 60_000, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '60' }, {}, 500],
  ['a 500 whose limit says nothing of what is left', undefined, { 'x-ratelimit-reset': '60' }, {}, 500],
  ['a 503 with a reset', 60_000, { 'x-ratelimit-reset': '60' }, {}, 503],
  ['Discord, in the body', 640, {}, { message: 'You are being rate limited.', retry_after: 0.64 }],
  ['Telegram, in the body', 5000, {}, { error_code: 429, parameters: { retry_after: 5 } }],
  [
    'Google, in the details',
    34_070,
    {},
    { error: { status: 'RESOURCE_EXHAUSTED', details: [{ retryDelay: '34.07s' }] } },
  ],
  ['OpenAI, in words', 1600, {}, { error: { message: 'Rate limit reached. Please try again in 1.6s.' } }],
  [
    'OpenRouter, in the body',
    7000,
    {},
    {
      error: {
        message: 'slow',
        metadata: { headers: { 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': String(NOW + 7000) } },
      },
    },
  ],
];

describe('how long the server asked to be left alone', () => {
  let server: Server;
  let row: Row;
  let baseURL: string;

  beforeEach(async () => {
    server = createServer((_request, response) => {
      const [, , headers, body = { error: { message: 'slow down' } }, status = 429] = row;
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  });

  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const messages = [{ role: 'user' as const, content: 'x' }];
  const clients: [client: string, ask: () => Promise<unknown>][] = [
    [
      'openai',
      async () => new OpenAI({ apiKey: 'k', baseURL, maxRetries: 0 }).chat.completions.create({ model: 'm', messages }),
    ],
    [
      '@anthropic-ai/sdk',
      async () =>
        new Anthropic({ apiKey: 'k', baseURL, maxRetries: 0 }).messages.create({ model: 'm', max_tokens: 1, messages }),
    ],
    [
      'ai',
      async () => {
        const model = createOpenAICompatible({ name: 'p', baseURL, apiKey: 'k' }).chatModel('m');
        return generateText({ model, prompt: 'x', maxRetries: 0 });
      },
    ],
  ];

  /** Of a body without `error` this client keeps nothing. */
  const readable = ([, , , body]: Row, client: string) =>
    client !== 'openai' || body === undefined || !('retry_after' in body || 'parameters' in body);

  const cases = ROWS.flatMap((given) =>
    clients
      .filter(([client]) => readable(given, client))
      .map(([client, ask]) => [given[0], client, given, ask] as const),
  );

  it.each(cases)('%s, through %s', async (_what, _client, given, ask) => {
    row = given;

    const error: unknown = await ask().catch((thrown: unknown) => thrown);

    expect(classifyError(error, NOW).retryAfterMs).toBe(given[1]);
  });
});
