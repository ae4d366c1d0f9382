import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One vendor on a real socket, over OpenAI's wire. */
export interface OneVendor {
  readonly baseURL: string;
  readonly requests: number;
  close(): Promise<void>;
}

export async function startOneVendor(answer: RequestListener): Promise<OneVendor> {
  let requests = 0;
  const server = createServer((request, response) => {
    request.resume().once('end', () => {
      requests++;
      answer(request, response);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    get requests() {
      return requests;
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** An answer of so many words. */
export const saying =
  (content: string): RequestListener =>
  (_request, response) => {
    const message = { role: 'assistant', content };
    const body = { id: 'c', choices: [{ index: 0, message, finish_reason: 'stop' }] };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };

/** A refusal in the shape that most vendors have copied from OpenAI. */
export const refusing =
  (status: number, message: string, headers: Readonly<Record<string, string>> = {}): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify({ error: { message } }));
  };
