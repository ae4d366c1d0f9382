import type { IncomingMessage } from 'node:http';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ProblemException } from './problem.js';

export const NDJSON = 'application/x-ndjson';
const ALSO = ['application/ndjson', 'application/jsonl', 'application/json-seq'];

interface NdjsonRequest {
  readonly raw?: IncomingMessage;
  readonly headers: IncomingMessage['headers'];
  readonly body?: unknown;
}

/**
 * The body as it comes in, never as a whole.
 * @throws ProblemException 415 for anything that some parser has read already, or would not be NDJSON
 */
export function chunksOf(request: NdjsonRequest): AsyncIterable<Uint8Array> | Iterable<string | Uint8Array> {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type !== NDJSON && !ALSO.includes(type ?? '')) {
    throw new ProblemException(
      415,
      'RESILIENCE_DEAD_LETTER_MEDIA_TYPE',
      `An import is sent as ${NDJSON}, one entry a line as the export gives them; got ${type ?? 'no content type'}.`,
    );
  }
  const { body } = request;
  // The application has a parser of its own for this type.
  if (typeof body === 'string' || body instanceof Uint8Array) return [body];
  return (request.raw ?? request) as unknown as AsyncIterable<Uint8Array>;
}

/** What is needed of a Fastify instance. Express leaves bodies alone whose type no parser is for; Fastify refuses them. */
interface FastifyBodies {
  hasContentTypeParser(type: string): boolean;
  addContentTypeParser(
    type: string,
    parser: (request: unknown, payload: unknown, done: (error: null, body: unknown) => void) => void,
  ): void;
}

/** Lets NDJSON through to the import. */
@Injectable()
export class NdjsonBodies implements OnModuleInit {
  constructor(private readonly host: HttpAdapterHost) {}

  onModuleInit(): void {
    const { httpAdapter } = this.host;
    if (httpAdapter?.getType() !== 'fastify') return;
    const fastify: FastifyBodies = httpAdapter.getInstance();
    for (const type of [NDJSON, ...ALSO]) {
      if (fastify.hasContentTypeParser(type)) continue;
      fastify.addContentTypeParser(type, (_request, payload, done) => done(null, payload));
    }
  }
}
