import type { IncomingMessage } from 'node:http';
import { RequestTooLargeError } from './request.errors.js';

/** Reads an answer to its end, or to its limit: what is announced too large is not read at all. */
export async function readBody(incoming: IncomingMessage, maxBytes: number, url: string): Promise<Buffer> {
  if (Number(incoming.headers['content-length'] ?? 0) > maxBytes) throw new RequestTooLargeError(url, maxBytes);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new RequestTooLargeError(url, maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
