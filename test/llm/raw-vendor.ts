import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Wire = 'openai' | 'anthropic';

/** A vendor on a real socket that does what no well-behaved simulator would. */
export interface RawVendor {
  readonly baseURL: string;
  readonly requests: number;
  /** Resolves when so many requests have come. */
  seen(count: number): Promise<void>;
  /** Resolves when no request is on its way any more: each was answered, or its client has left. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

export type Answer = (response: ServerResponse, request: IncomingMessage) => void;

export async function startRawVendor(answer: Answer): Promise<RawVendor> {
  const events = new EventEmitter();
  let requests = 0;
  let running = 0;
  const server = createServer((request, response) => {
    request.resume();
    request.once('end', () => {
      requests++;
      running++;
      response.once('close', () => {
        running--;
        events.emit('ended');
      });
      events.emit('request');
      answer(response, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    get requests() {
      return requests;
    },
    seen: async (count) => {
      while (requests < count) await once(events, 'request');
    },
    idle: async () => {
      while (running > 0) await once(events, 'ended');
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

const event = (data: object, name?: string): string =>
  `${name ? `event: ${name}\n` : ''}data: ${JSON.stringify(data)}\n\n`;

/** How each vendor writes what the answers below are made of. */
export const WIRES: Readonly<
  Record<
    Wire,
    {
      readonly whole: (text: string) => string;
      readonly start: string;
      readonly text: (text: string) => string;
      readonly overloaded: string;
    }
  >
> = {
  openai: {
    whole: (text) =>
      JSON.stringify({
        id: 'c',
        choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }],
      }),
    start: event({ id: 'c', choices: [{ index: 0, delta: { role: 'assistant', content: '' } }] }),
    text: (text) => event({ id: 'c', choices: [{ index: 0, delta: { content: text } }] }),
    overloaded: event({
      error: { message: 'The server is overloaded', type: 'server_error', code: null, param: null },
    }),
  },
  anthropic: {
    whole: (text) =>
      JSON.stringify({
        id: 'm', type: 'message', role: 'assistant', model: 'm', content: [{ type: 'text', text }],
        stop_reason: 'end_turn', usage: { input_tokens: 1, output_tokens: 1 },
      }), // prettier-ignore
    start:
      event({
        type: 'message_start',
        message: {
          id: 'm', type: 'message', role: 'assistant', model: 'm', content: [], stop_reason: null,
          usage: { input_tokens: 1, output_tokens: 0 },
        },
      }, 'message_start') + event({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }, 'content_block_start'), // prettier-ignore
    text: (text) =>
      event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }, 'content_block_delta'),
    overloaded: event({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }, 'error'),
  },
};

export function openEvents(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
}

/** Byte by byte, slowly, until the client has had enough. */
export function drip(response: ServerResponse, text: string): void {
  let at = 0;
  const timer = setInterval(() => response.write(text[at++ % text.length]), 5);
  response.once('close', () => clearInterval(timer));
}
