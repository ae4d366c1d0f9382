import type { IncomingMessage } from 'node:http';
import { badRequest, OpenAiProblem } from './openai-problem.js';

export type Json = Readonly<Record<string, unknown>>;

/** The JSON object that a client sent, read only as far as it is allowed to be long. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Json> {
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity')
    throw new OpenAiProblem({ status: 415, message: `Bodies are read as they are, not as ${encoding}.` });
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  return parse(Buffer.concat(chunks).toString('utf8'));
}

function tooLarge(maxBytes: number): OpenAiProblem {
  return new OpenAiProblem({
    status: 413,
    code: 'request_too_large',
    message: `The body is larger than ${maxBytes} bytes.`,
  });
}

function parse(text: string): Json {
  try {
    const body: unknown = JSON.parse(text);
    if (isObject(body)) return body;
  } catch {
    // The same is wrong with it.
  }
  throw badRequest('body', 'The body is no JSON object.');
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
