import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ResilienceModule, ResilienceService } from '@nest-resilience/core';
import { Test } from '@nestjs/testing';
import { LlmModule } from '../src/llm.module.js';
import type { LlmModuleOptions } from '../src/llm.options.js';
import { LlmService } from '../src/llm.service.js';

/** A request as it came over the wire. */
export interface Asked {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readonly<Record<string, unknown>>;
}

export type Answering = (response: ServerResponse, asked: Asked, count: number) => void;

/** A vendor with a script, on a real socket. */
export interface Vendor {
  readonly baseURL: string;
  readonly asked: Asked[];
  /** Resolves when a client has gone before its answer was whole. */
  readonly left: Promise<void>;
  answer: Answering;
  close(): Promise<void>;
}

export async function startVendor(answer: Answering): Promise<Vendor> {
  let leave: () => void = () => undefined;
  const left = new Promise<void>((resolve) => (leave = resolve));
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      const body = (text === '' ? {} : JSON.parse(text)) as Asked['body'];
      const asked = { path: request.url ?? '', headers: request.headers, body };
      vendor.asked.push(asked);
      response.once('close', () => !response.writableFinished && leave());
      vendor.answer(response, asked, vendor.asked.length);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const vendor: Vendor = {
    baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    asked: [],
    left,
    answer,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return vendor;
}

export const json = (status: number, body: unknown, headers: Record<string, string> = {}): Answering => {
  return (response) =>
    void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
};

export const dead = json(500, { error: { message: 'boom', type: 'server_error' } });

export const chat = (message: object | string, finish_reason: string | null = 'stop', more: object = {}) => ({
  ...{ id: 'c', object: 'chat.completion', created: 1, model: 'm' },
  choices: [
    {
      ...{ index: 0, finish_reason },
      message: { role: 'assistant', ...(typeof message === 'string' ? { content: message } : message) },
    },
  ],
  usage: { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 },
  ...more,
});

export const toolCall = (name: string, args: object) => ({
  id: 'call_1',
  type: 'function',
  function: { name, arguments: JSON.stringify(args) },
});

export const chunk = (delta: object, finish_reason: string | null = null, more: object = {}) => ({
  ...{ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm' },
  choices: [{ index: 0, delta, finish_reason }],
  ...more,
});

export const DONE = 'data: [DONE]\n\n';

/** Sends these events and leaves the rest to the caller. */
export function sendEvents(response: ServerResponse, ...events: readonly (object | string)[]): ServerResponse {
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const event of events) response.write(typeof event === 'string' ? event : `data: ${JSON.stringify(event)}\n\n`);
  return response;
}

/** A whole stream. */
export const events = (...all: readonly (object | string)[]): Answering => {
  return (response) => void sendEvents(response, ...all).end(DONE);
};

export const words = (...texts: readonly string[]): Answering =>
  events(...texts.map((content) => chunk({ content })), chunk({}, 'stop'));

export interface ChainApp {
  readonly llm: LlmService;
  readonly resilience: ResilienceService;
  get<T>(token: abstract new (...args: never[]) => T): T;
  close(): Promise<void>;
}

/** Retries do not wait, nothing is checked in the background. */
export async function startChain(
  options: LlmModuleOptions,
  resilience?: Parameters<typeof ResilienceModule.forRoot>[0],
): Promise<ChainApp> {
  const quick = { retry: { maxRetries: 1, baseDelay: 1, jitter: 'none' }, health: { enabled: false } } as const;
  const module = await Test.createTestingModule({
    imports: [ResilienceModule.forRoot(resilience), LlmModule.forRoot({ ...quick, ...options })],
  }).compile();
  await module.init();
  return {
    llm: module.get(LlmService),
    resilience: module.get(ResilienceService),
    get: (token) => module.get(token),
    close: () => module.close(),
  };
}
