import { afterEach, describe, expect, it } from '@jest/globals';
import { classifyError } from '@nest-resilience/core';
import type { ServerResponse } from 'node:http';
import {
  type Answering,
  type ChainApp,
  chat,
  chunk,
  DONE,
  json,
  sendEvents,
  startChain,
  startVendor,
  toolCall,
  type Vendor,
  words,
} from '../../../test/vendor.fixture.js';
import type { LlmProviderKind, LlmProviderOptions } from '../../options/provider.options.js';
import type { LlmResult } from '../../llm.result.js';

const KINDS = ['openai', 'openai-compatible'] as const;
const USAGE = { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 };
const NO_SOCKET_END = 60_000;

let app: ChainApp | undefined;
const vendors: Vendor[] = [];

afterEach(async () => {
  await app?.close();
  await Promise.all(vendors.splice(0).map((vendor) => vendor.close()));
});

/** A target that answers so, and one behind it that is well. */
async function start(kind: LlmProviderKind, answer: Answering, more: Partial<LlmProviderOptions> = {}) {
  const [vendor, backup] = [await startVendor(answer), await startVendor(words('from the backup'))];
  vendors.push(vendor, backup);
  const timeout = { each: NO_SOCKET_END, firstToken: NO_SOCKET_END, idle: NO_SOCKET_END };
  const provider = { name: 'first', kind: kind as 'openai', apiKey: 'k', model: 'm', timeout, retry: false as const };
  app = await startChain({
    providers: [
      { ...provider, baseURL: vendor.baseURL, ...more },
      { ...provider, name: 'backup', kind: 'openai-compatible', baseURL: backup.baseURL },
    ],
  });
  return { llm: app.llm, vendor };
}

async function read(kind: LlmProviderKind, answer: Answering) {
  const { llm } = await start(kind, answer);
  const stream = llm.stream({ prompt: 'x' });
  let text = '';
  try {
    for await (const piece of stream) text += piece;
    const result = await stream.result;
    return { text, result, error: undefined, reason: result.tries[0]?.reason };
  } catch (error) {
    return { text, result: undefined, error, reason: classifyError(error).reason };
  }
}

async function complete(kind: LlmProviderKind, body: unknown): Promise<LlmResult> {
  const { llm } = await start(kind, (response, asked, count) =>
    (asked.body['stream'] === true ? words('x') : json(200, body))(response, asked, count),
  );
  const result = await llm.complete({ prompt: 'x' }).catch((error: { tries?: LlmResult['tries'] }) => error);
  return result as LlmResult;
}

const open =
  (...sent: readonly (object | string)[]): Answering =>
  (response) =>
    void sendEvents(response, ...sent);
const closed =
  (...sent: readonly (object | string)[]): Answering =>
  (response) =>
    void sendEvents(response, ...sent).end();

describe.each(KINDS)('the wire of %s', (kind) => {
  it.each<[string, Answering]>([
    ['whose socket stays open after [DONE]', open(chunk({ content: 'Hello' }), chunk({}, 'stop'), DONE)],
    ['that is done without a reason', closed(chunk({ content: 'Hello' }), DONE)],
    [
      'that counts its tokens after its end',
      closed(chunk({ content: 'Hello' }, 'stop'), { choices: null, usage: USAGE }, DONE),
    ],
    ['with comments and other fields', closed(': hi\n\n', 'id: 1\n', chunk({ content: 'Hello' }, 'stop'), DONE)],
    ['with other line ends', closed(`data: ${JSON.stringify(chunk({ content: 'Hello' }, 'stop'))}\r\n\r\ndata: [DONE]\r\n\r\n`)], // prettier-ignore
    ['without a last line end', closed(chunk({ content: 'Hello' }, 'stop'), 'data: [DONE]')],
    ['in parts', closed(chunk({ content: [{ type: 'text', text: 'Hello' }] }), chunk({}, 'stop'), DONE)],
  ])('takes a stream for whole %s', async (_what, answer) => {
    const { text, result, error } = await read(kind, answer);

    expect([text, error]).toEqual(['Hello', undefined]);
    expect(result).toMatchObject({ provider: 'first', finishReason: 'stop', truncated: false });
  });

  it('keeps the count of tokens that comes after the end', async () => {
    const { result } = await read(
      kind,
      closed(chunk({ content: 'Hello' }, 'stop'), { choices: null, usage: USAGE }, DONE),
    );

    expect(result?.usage).toMatchObject({ inputTokens: 5, outputTokens: 7 });
  });

  it('puts characters together that are cut in two', async () => {
    const bytes = Buffer.from(`data: ${JSON.stringify(chunk({ content: 'Grüße 👋' }, 'stop'))}\n\n${DONE}`);
    const drip = (response: ServerResponse, at = 0) => {
      if (at === 0) sendEvents(response);
      if (at === bytes.length) return void response.end();
      response.write(bytes.subarray(at, at + 1), () => setImmediate(drip, response, at + 1));
    };

    expect((await read(kind, (response) => drip(response))).text).toBe('Grüße 👋');
  });

  it.each<[string, object | string, string]>([
    [
      'beside a finish reason of its own',
      { ...chunk({}, 'error'), error: { code: 502, message: 'Provider disconnected' } },
      'server_error',
    ],
    ['inside the choice', { choices: [{ ...chunk({}, 'error').choices[0], error: { code: 429, message: 'slow' } }] }, 'rate_limit'], // prettier-ignore
    [
      'as a bare object',
      { error: { message: 'The engine is currently overloaded', type: 'overloaded_error' } },
      'overloaded',
    ],
    ['as a text', { error: 'Rate limit reached for requests' }, 'rate_limit'],
    ['as an event of that name', 'event: error\ndata: Internal Server Error\n\n', 'server_error'],
    ['as an object of that kind', { object: 'error', message: 'Rate limit reached', code: 429 }, 'rate_limit'],
    ['as a finish reason alone', chunk({}, 'error'), 'server_error'],
    ['as a vendor’s own finish reason', chunk({}, 'insufficient_system_resource'), 'overloaded'],
  ])('finds an error in a stream %s', async (_where, event, reason) => {
    const half = await read(kind, open(chunk({ content: 'Dear customer' }), event, DONE));

    expect(half).toMatchObject({
      text: 'Dear customer',
      error: { code: 'RESILIENCE_LLM_STREAM_INTERRUPTED', partialText: 'Dear customer' },
      reason,
    });
    await app?.close();

    const none = await read(kind, open(event, DONE));
    expect(none).toMatchObject({ text: 'from the backup', result: { provider: 'backup' }, reason });
  });

  it.each<[string, object, string]>([
    ['a finish reason of its own', chat('Dear cust', 'error'), 'server_error'],
    ['an error in its choice', { ...chat(''), choices: [{ ...chat('Dear', 'error').choices[0], error: { code: 429, message: 'slow' } }] }, 'rate_limit'], // prettier-ignore
    ['an error beside it', { ...chat('Dear'), error: { code: 503, message: 'no capacity' } }, 'overloaded'],
    ['calls of tools', chat({ content: null, tool_calls: [toolCall('look', {})] }, 'tool_calls'), 'invalid_output'],
    ['text and calls of tools', chat({ content: 'Let me look.', tool_calls: [toolCall('look', {})] }, 'tool_calls'), 'invalid_output'], // prettier-ignore
    ['text, and waits for tools', chat('Let me look.', 'tool_calls'), 'invalid_output'],
  ])('takes no answer for whole that has %s', async (_what, body, reason) => {
    const { tries } = await complete(kind, body);

    expect(tries[0]).toMatchObject({ provider: 'first', reason });
  });

  it.each<[string, object[]]>([
    ['in a field of their own', [{ reasoning_content: 'hm ' }, { reasoning_content: 'so' }, { content: 'Paris' }]],
    ['in a field of another name', [{ reasoning: 'hm so' }, { content: 'Paris' }]],
    [
      'between marks',
      [{ content: ' <thi' }, { content: 'nk>hm so</th' }, { content: 'ink>\n\nPar' }, { content: 'is' }],
    ],
    ['between marks of its own', [{ content: '[THINK]hm so[/THINK]Paris' }]],
    [
      'in parts of the content',
      [
        { content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'hm so' }] }] },
        { content: [{ type: 'text', text: 'Paris' }] },
      ],
    ],
  ])('tells thoughts from the text: %s', async (_how, deltas) => {
    const { text, result } = await read(kind, closed(...deltas.map((delta) => chunk(delta)), chunk({}, 'stop'), DONE));

    expect({ text, reasoning: result?.reasoning }).toEqual({ text: 'Paris', reasoning: 'hm so' });
  });

  it.each<[string, object]>([
    ['in a field of their own', { content: 'Paris', reasoning_content: 'hm so' }],
    ['between marks', { content: '<think>hm so</think>\n\nParis' }],
    ['before a closing mark', { content: 'hm so\n</think>\n\nParis' }],
    [
      'in parts of the content',
      {
        content: [
          { type: 'thinking', thinking: [{ type: 'text', text: 'hm so' }] },
          { type: 'text', text: 'Paris' },
        ],
      },
    ],
  ])('tells thoughts from the text of a whole answer: %s', async (_how, message) => {
    const { text, reasoning } = await complete(kind, chat(message));

    expect({ text, reasoning }).toEqual({ text: 'Paris', reasoning: 'hm so' });
  });

  it('leaves marks alone that are not in front', async () => {
    const text = 'Write <think> and </think> around it.';

    expect(await complete(kind, chat(text))).toMatchObject({ text });
    await app?.close();
    expect((await read(kind, words(text.slice(0, 9), text.slice(9)))).text).toBe(text);
  });

  it('takes nothing but thoughts for no answer', async () => {
    const { text, reason } = await read(kind, closed(chunk({ reasoning_content: 'hm' }), chunk({}, 'stop'), DONE));

    expect([text, reason]).toEqual(['from the backup', 'invalid_output']);
  });

  it('lets thoughts keep a stream alive, before the text and inside of it', async () => {
    const thoughts = (response: ServerResponse, left: number, next: () => void) => {
      if (left === 0) return next();
      sendEvents(response, chunk({ reasoning_content: 'hm ' }));
      setTimeout(() => thoughts(response, left - 1, next), 20);
    };
    const answer: Answering = (response) =>
      thoughts(response, 10, () => {
        sendEvents(response, chunk({ content: 'Par' }));
        thoughts(response, 10, () => void sendEvents(response, chunk({ content: 'is' }, 'stop')).end(DONE));
      });
    const { llm } = await start(kind, answer, { timeout: { firstToken: 150, idle: 150 } });

    const texts: string[] = [];
    const stream = llm.stream({ prompt: 'x' });
    for await (const text of stream) texts.push(text);

    expect(texts).toEqual(['Par', 'is']);
    expect(stream.reasoning).toContain('hm hm');
  });

  it('waits for the first word no longer than it may', async () => {
    const think = (response: ServerResponse) => {
      const timer = setInterval(() => sendEvents(response, chunk({ reasoning_content: 'hm ' })), 10);
      response.once('close', () => clearInterval(timer));
    };
    const { llm } = await start(kind, think, { timeout: { firstText: 100 } });

    const stream = llm.stream({ prompt: 'x' });
    for await (const _text of stream);

    expect(await stream.result).toMatchObject({
      provider: 'backup',
      tries: [{ reason: 'timeout' }, { outcome: 'ok' }],
    });
  });

  it('sends a request once more that met a connection the server has closed', async () => {
    const { llm, vendor } = await start(kind, (response, asked, count) => {
      if (count === 2) response.socket?.resetAndDestroy();
      else json(200, chat('Hello'))(response, asked, count);
    });
    await llm.complete({ prompt: 'x' });

    const second = await llm.complete({ prompt: 'x' });

    expect(second).toMatchObject({ provider: 'first', attempts: 1 });
    expect(vendor.asked).toHaveLength(3);
  });

  it('sends no request twice to a server that has never answered', async () => {
    const { llm, vendor } = await start(kind, (response) => void response.socket?.resetAndDestroy());

    await llm.complete({ prompt: 'x' }).catch(() => undefined);

    expect(vendor.asked).toHaveLength(1);
  });
});

describe('the wire of anthropic', () => {
  const event = (data: { readonly type: string; readonly [field: string]: unknown }) =>
    `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
  const START = [
    event({ type: 'message_start', message: { id: 'm', model: 'm', content: [], usage: { input_tokens: 1, output_tokens: 1 } } }), // prettier-ignore
    event({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
    event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hello' } }),
    event({ type: 'content_block_stop', index: 0 }),
  ];
  const end = (stop_reason: string) =>
    event({ type: 'message_delta', delta: { stop_reason }, usage: { output_tokens: 2 } }) +
    event({ type: 'message_stop' });

  it('takes a stream for whole whose socket stays open after its last event', async () => {
    const { text, result } = await read('anthropic', open(...START, end('end_turn')));

    expect([text, result?.finishReason]).toEqual(['Hello', 'stop']);
  });

  it('takes no answer for whole that was only paused', async () => {
    const { error, reason } = await read('anthropic', open(...START, end('pause_turn')));

    expect(error).toMatchObject({ partialText: 'Hello', message: expect.stringContaining("'pause_turn'") });
    expect(reason).toBe('server_error');
  });
});
