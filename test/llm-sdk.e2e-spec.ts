import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import Anthropic from '@anthropic-ai/sdk';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  Attempt,
  type AttemptContext,
  classifyError,
  ResilienceModule,
  ResilienceService,
  Resilient,
} from '@nest-resilience/core';
import { RecordingEvents } from '@nest-resilience/core/testing';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import OpenAI from 'openai';

/** One answer of the vendor. */
type Answer = (response: ServerResponse) => void;

/** How one vendor says the same things. */
interface Wire {
  readonly answer: object;
  /** A stream up to its first token. */
  readonly opening: string;
  readonly error: (message: string, more?: { readonly code?: string; readonly type?: string }) => object;
  readonly quota: Answer;
  readonly contextLength: Answer;
  readonly contentPolicy: Answer;
  readonly overloaded: number;
}

const json =
  (status: number, body: object, headers: Record<string, string> = {}): Answer =>
  (response) =>
    void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));

const event = (data: { readonly type?: string; readonly [field: string]: unknown }): string =>
  `${data.type === undefined ? '' : `event: ${data.type}\n`}data: ${JSON.stringify(data)}\n\n`;

const openaiError: Wire['error'] = (message, more) => ({ error: { message, param: null, ...more } });
const anthropicError: Wire['error'] = (message, { type = 'api_error' } = {}) => ({
  type: 'error',
  error: { type, message },
});

const WIRES = {
  openai: {
    answer: {
      id: 'c1',
      object: 'chat.completion',
      choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
    },
    opening: event({ choices: [{ index: 0, delta: { content: 'hel' }, finish_reason: null }] }),
    error: openaiError,
    quota: json(429, openaiError('You exceeded your current quota', { code: 'insufficient_quota' })),
    contextLength: json(400, openaiError('Too many tokens', { code: 'context_length_exceeded' })),
    contentPolicy: json(400, openaiError('Rejected by our safety system', { code: 'content_policy_violation' })),
    overloaded: 503,
  },
  anthropic: {
    answer: {
      id: 'm1',
      type: 'message',
      role: 'assistant',
      content: [{ type: 'text', text: 'hello' }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 1, output_tokens: 1 },
    },
    opening:
      event({ type: 'message_start', message: { id: 'm1', content: [], usage: {} } }) +
      event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'hel' } }),
    error: anthropicError,
    quota: json(400, anthropicError('Your credit balance is too low', { type: 'invalid_request_error' })),
    contextLength: json(
      400,
      anthropicError('prompt is too long: 210000 tokens > 200000 maximum', { type: 'invalid_request_error' }),
    ),
    contentPolicy: json(
      400,
      anthropicError('Output blocked by content filtering policy', { type: 'invalid_request_error' }),
    ),
    overloaded: 529,
  },
} satisfies Record<string, Wire>;

abstract class Model {
  abstract ask(prompt: string, signal?: AbortSignal, attempt?: AttemptContext): Promise<string>;
  abstract stream(prompt: string, attempt?: AttemptContext): AsyncGenerator<string>;
}

@Injectable()
class OpenAiModel extends Model {
  constructor(@Inject('CLIENT') readonly client: OpenAI) {
    super();
  }

  @Resilient('llm')
  async ask(prompt: string, _signal?: AbortSignal, @Attempt() attempt?: AttemptContext): Promise<string> {
    const answer = await this.client.chat.completions.create(
      { model: 'm', messages: [{ role: 'user', content: prompt }] },
      { signal: attempt?.signal },
    );
    return answer.choices[0]?.message.content ?? '';
  }

  @Resilient('llm')
  async *stream(prompt: string, @Attempt() attempt?: AttemptContext): AsyncGenerator<string> {
    const events = await this.client.chat.completions.create(
      { model: 'm', messages: [{ role: 'user', content: prompt }], stream: true },
      { signal: attempt?.signal },
    );
    for await (const { choices } of events) yield choices[0]?.delta.content ?? '';
  }
}

@Injectable()
class AnthropicModel extends Model {
  constructor(@Inject('CLIENT') readonly client: Anthropic) {
    super();
  }

  @Resilient('llm')
  async ask(prompt: string, _signal?: AbortSignal, @Attempt() attempt?: AttemptContext): Promise<string> {
    const { content } = await this.client.messages.create(
      { model: 'm', max_tokens: 10, messages: [{ role: 'user', content: prompt }] },
      { signal: attempt?.signal },
    );
    return content[0]?.type === 'text' ? content[0].text : '';
  }

  @Resilient('llm')
  async *stream(prompt: string, @Attempt() attempt?: AttemptContext): AsyncGenerator<string> {
    const events = await this.client.messages.create(
      { model: 'm', max_tokens: 10, messages: [{ role: 'user', content: prompt }], stream: true },
      { signal: attempt?.signal },
    );
    for await (const part of events)
      if (part.type === 'content_block_delta' && part.delta.type === 'text_delta') yield part.delta.text;
  }
}

const openEvents = (response: ServerResponse): ServerResponse =>
  response.writeHead(200, { 'content-type': 'text/event-stream' });

const SDKS = {
  openai: (baseURL: string, maxRetries: number) => ({
    type: OpenAiModel,
    client: new OpenAI({ apiKey: 'k', baseURL: `${baseURL}/v1`, maxRetries }),
  }),
  anthropic: (baseURL: string, maxRetries: number) => ({
    type: AnthropicModel,
    client: new Anthropic({ apiKey: 'k', baseURL, maxRetries }),
  }),
};

describe.each(['openai', 'anthropic'] as const)("@Resilient('llm') around the %s package", (vendor) => {
  const wire: Wire = WIRES[vendor];
  let server: Server;
  let url: string;
  let requests: number;
  /** The n-th request gets the n-th answer, later ones the last. */
  let answers: readonly Answer[];
  let app: TestingModule;
  let model: Model;
  let events: RecordingEvents;

  beforeEach(async () => {
    requests = 0;
    server = createServer((request, response) => {
      const answer = answers[Math.min(requests++, answers.length - 1)];
      request.resume().on('end', () => answer?.(response));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await start();
  });

  afterEach(async () => {
    Logger.overrideLogger(false);
    await app.close();
    server.close();
    server.closeAllConnections();
  });

  async function start({ timeout = '30s', maxRetries = 0 } = {}): Promise<void> {
    const { type, client } = SDKS[vendor](url, maxRetries);
    events = new RecordingEvents();
    app = await Test.createTestingModule({
      imports: [
        ResilienceModule.forRoot({
          events,
          policies: {
            llm: {
              retry: { maxRetries: 2, baseDelay: 1, jitter: 'none', budget: false },
              circuitBreaker: { window: 10, failureRate: 1 },
              timeout,
            },
          },
        }),
      ],
      providers: [{ provide: 'CLIENT', useValue: client }, type],
    }).compile();
    await app.init();
    model = app.get<Model>(type);
  }

  const outcome = (call: Promise<unknown>): Promise<unknown> => call.catch((error: unknown) => error);
  const failures = (): number => app.get(ResilienceService).circuit('llm').snapshot().failures;
  const good = json(200, wire.answer);

  it('answers what the model says', async () => {
    answers = [good];

    expect(await model.ask('hi')).toBe('hello');
    expect([requests, failures()]).toEqual([1, 0]);
  });

  it('waits as long as a rate limit asks, then succeeds', async () => {
    answers = [json(429, wire.error('Rate limit reached'), { 'retry-after-ms': '25' }), good];

    expect(await model.ask('hi')).toBe('hello');

    expect([requests, failures()]).toEqual([2, 1]);
    expect(events.of('resilience.retry.scheduled')).toMatchObject([{ attempt: 1, delayMs: 25, hinted: true }]);
  });

  it('understands Retry-After in seconds: beyond the cap it gives up at once', async () => {
    answers = [json(429, wire.error('Rate limit reached'), { 'retry-after': '3600' })];

    const error = await outcome(model.ask('hi'));

    expect(classifyError(error)).toMatchObject({ reason: 'rate_limit', retryAfterMs: 3_600_000 });
    expect(requests).toBe(1);
    expect(events.of('resilience.retry.exhausted')).toMatchObject([{ because: 'retry-after-cap' }]);
  });

  it.each<[reason: string, answer: Answer, requests: number, counted: number]>([
    ['quota', wire.quota, 1, 1],
    ['auth', json(401, wire.error('Incorrect API key', { type: 'authentication_error' })), 1, 1],
    ['permission', json(403, wire.error('Not for you', { type: 'permission_error' })), 1, 1],
    ['not_found', json(404, wire.error('No such model', { type: 'not_found_error' })), 1, 0],
    ['bad_request', json(400, wire.error('Invalid parameter', { type: 'invalid_request_error' })), 1, 0],
    ['context_length', wire.contextLength, 1, 0],
    ['content_policy', wire.contentPolicy, 1, 0],
    ['server_error', json(500, wire.error('boom')), 3, 3],
    ['overloaded', json(wire.overloaded, wire.error('Overloaded', { type: 'overloaded_error' })), 3, 3],
    ['network', (response) => void response.socket?.resetAndDestroy(), 3, 3],
    [
      'invalid_output',
      (response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('{"id": "c1", "cho'),
      3,
      3,
    ],
  ])('%s', async (reason, answer, sent, counted) => {
    answers = [answer];

    const error = await outcome(model.ask('hi'));

    expect(classifyError(error).reason).toBe(reason);
    expect({ sent: requests, counted: failures() }).toEqual({ sent, counted });
  });

  it('gives up a request that is not answered in time, and ends it', async () => {
    await app.close();
    await start({ timeout: '100ms' });
    const gone: Promise<unknown>[] = [];
    answers = [(response) => void gone.push(once(response, 'close'))];

    const error = await outcome(model.ask('hi'));

    expect(error).toMatchObject({ code: 'RESILIENCE_TIMEOUT' });
    expect([requests, failures()]).toEqual([3, 3]);
    await Promise.all(gone);
  });

  it('ends the request of a caller who leaves, without a retry and without blaming the model', async () => {
    const caller = new AbortController();
    let gone: Promise<unknown> = Promise.resolve();
    answers = [
      (response) => {
        gone = once(response, 'close');
        caller.abort(new Error('the user went home'));
      },
    ];

    const error = await outcome(model.ask('hi', caller.signal));

    expect(error).toMatchObject({ message: 'the user went home' });
    expect([requests, failures()]).toEqual([1, 0]);
    await gone;
  });

  it('tries a stream again that breaks before its first token', async () => {
    const whole: Answer = (response) => openEvents(response).end(`${wire.opening}${doneOf(vendor)}`);
    answers = [(response) => openEvents(response).write(': hold on\n\n', () => response.destroy()), whole];

    const read = await collect(model.stream('hi'));

    expect(read).toMatchObject({ text: 'hel', error: undefined });
    expect([requests, failures()]).toEqual([2, 1]);
  });

  it('tries a stream again that says inside a 200 that the model is overloaded', async () => {
    const refused = event({ ...wire.error('Overloaded', { type: 'overloaded_error' }) });
    const whole: Answer = (response) => openEvents(response).end(`${wire.opening}${doneOf(vendor)}`);
    answers = [(response) => openEvents(response).end(refused), whole];

    const read = await collect(model.stream('hi'));

    expect(read).toMatchObject({ text: 'hel', error: undefined });
    expect([requests, failures()]).toEqual([2, 1]);
    expect(events.of('resilience.retry.scheduled')).toMatchObject([{ attempt: 1 }]);
    expect(classifyError(events.of('resilience.retry.scheduled')[0]?.error).reason).toBe('overloaded');
  });

  it('does not play a stream again that is cut after its first token, and counts it', async () => {
    answers = [
      // The client must have read the token before the connection breaks under it.
      (response) => openEvents(response).write(wire.opening, () => setTimeout(() => response.destroy(), 20)),
    ];

    const read = await collect(model.stream('hi'));

    expect(read.text).toBe('hel');
    expect(classifyError(read.error).reason).toBe('network');
    expect([requests, failures()]).toEqual([1, 1]);
  });

  it('warns of a client whose own retries are on: they multiply', async () => {
    await app.close();
    const warnings: string[] = [];
    answers = [json(500, wire.error('boom'), { 'retry-after-ms': '1' })];
    const { type, client } = SDKS[vendor](url, 1);
    app = await Test.createTestingModule({
      imports: [ResilienceModule.forRoot({ policies: { llm: { retry: { maxRetries: 2, baseDelay: 1 } } } })],
      providers: [{ provide: 'CLIENT', useValue: client }, type],
    }).compile();
    Logger.overrideLogger({ log() {}, error() {}, warn: (message: string) => void warnings.push(message) });
    await app.init();

    await outcome(app.get<Model>(type).ask('hi'));

    expect(requests).toBe(6);
    expect(warnings).toContainEqual(
      expect.stringMatching(/Model\.ask retries up to 2 times, and so does the client .* up to 6 requests a call/),
    );
  });
});

function doneOf(vendor: keyof typeof WIRES): string {
  return vendor === 'openai' ? 'data: [DONE]\n\n' : event({ type: 'message_stop' });
}

async function collect(stream: AsyncIterable<string>): Promise<{ text: string; error: unknown }> {
  let text = '';
  try {
    for await (const part of stream) text += part;
    return { text, error: undefined };
  } catch (error) {
    return { text, error };
  }
}
