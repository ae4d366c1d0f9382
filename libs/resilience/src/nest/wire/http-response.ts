import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { StreamableFile } from '@nestjs/common';

/** What Express' responses and Fastify's replies have in common. A class, because Nest's metadata needs a value. */
export abstract class HttpResponse {
  /** Only Fastify wraps node's own response. */
  abstract readonly raw?: ServerResponse;
  abstract once(event: 'close', listener: () => void): unknown;
  abstract status(code: number): unknown;
  abstract header(name: string, value: string): unknown;
}

function onClose(response: HttpResponse, act: () => void): void {
  (response.raw ?? response).once('close', act);
}

/** Aborted when the connection closes: the client went away, or has its answer. */
export function goneSignal(response: HttpResponse): AbortSignal {
  const gone = new AbortController();
  onClose(response, () => gone.abort());
  return gone.signal;
}

/** Answers with server-sent events for as long as the client is there. */
export function answerEvents(stream: Readable, response: HttpResponse): StreamableFile {
  onClose(response, () => stream.destroy());
  // Kept alive, the connection would hold up a shutdown for as long as the server keeps idle ones.
  response.header('Connection', 'close');
  return new StreamableFile(stream, { type: 'text/event-stream; charset=utf-8' });
}
