import { request as requestHttp, type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import { pipeline } from 'node:stream/promises';
import type { AdminAddress } from './admin.address.js';
import { CliError, EXIT_CODES } from './exit-code.js';
import { problemOf, ServerProblem } from './server-problem.js';
import { unreachable } from './unreachable.js';

const CONNECT_TIMEOUT_MS = 10_000;

export type Query = Readonly<Record<string, string | number | undefined>>;

interface Call {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: AsyncIterable<string | Uint8Array>;
  readonly type?: string;
  /** @default 'application/json' */
  readonly accept?: string;
  /** Missing: goes on to its end although the user has pressed Ctrl-C. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * HTTP as the commands need it. Not `fetch`: that gives up after five minutes without an answer, and a redrive takes as
 * long as its method.
 */
export class AdminClient {
  constructor(
    private readonly address: AdminAddress,
    private readonly signal: AbortSignal,
  ) {}

  get(path: string, query: Query = {}): Promise<unknown> {
    return this.json({ method: 'GET', path: path + queryString(query), signal: this.signal });
  }

  post(path: string, body: object = {}): Promise<unknown> {
    return this.json({ ...this.posted(path, body), signal: this.signal });
  }

  /** As {@link post}, for what must not be left half-way: Ctrl-C does not reach it. */
  finish(path: string, body: object = {}): Promise<unknown> {
    return this.json(this.posted(path, body));
  }

  upload(path: string, type: string, body: AsyncIterable<string | Uint8Array>): Promise<unknown> {
    return this.json({ method: 'POST', path, body, type, signal: this.signal });
  }

  /** The body as it comes. @throws CliError, also while it is read */
  async *stream(path: string, query: Query = {}): AsyncGenerator<Uint8Array> {
    const accept = 'application/x-ndjson';
    const answer = await this.send({ method: 'GET', path: path + queryString(query), accept, signal: this.signal });
    try {
      for await (const chunk of answer) yield chunk as Uint8Array;
    } catch (error) {
      throw this.failed(error);
    }
  }

  private posted(path: string, body: object): Call {
    return { method: 'POST', path, body: only(JSON.stringify(body)), type: 'application/json' };
  }

  private async json(call: Call): Promise<unknown> {
    const answer = await this.send(call);
    const text = await this.read(answer);
    try {
      return JSON.parse(text) as unknown;
    } catch {
      throw new CliError(
        `${this.address.url.href} answered ${call.path} with ${answer.headers['content-type'] ?? 'something'} ` +
          'that is no JSON: is this the address of the application, with its global prefix?',
        EXIT_CODES.problem,
      );
    }
  }

  /** @throws ServerProblem for an answer that is no success, CliError when there is none */
  private async send(call: Call): Promise<IncomingMessage> {
    const answer = await this.exchange(call).catch((error: unknown) => {
      throw this.failed(error);
    });
    const status = answer.statusCode ?? 0;
    if (status >= 200 && status < 300) return answer;
    const problem = problemOf(status, status >= 400 ? await this.read(answer) : '', answer.headers.location);
    throw new ServerProblem(problem, this.address.token !== undefined);
  }

  private exchange({ method, path, body, type, accept = 'application/json', signal }: Call): Promise<IncomingMessage> {
    const { url, token } = this.address;
    const options: RequestOptions = {
      method,
      // As written, so that an id of dots stays an id.
      path: url.pathname.replace(/\/$/, '') + path,
      headers: {
        accept: `${accept}, application/problem+json`,
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(type !== undefined && { 'content-type': type }),
      },
      // A batch may pause for longer than a server keeps a connection, and no redrive may be sent twice to find out.
      agent: false,
      ...(signal && { signal }),
    };
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, options);
    limitConnecting(request);
    return new Promise((resolve, reject) => {
      request.once('response', resolve);
      request.on('error', reject);
      // A server may answer before it has read everything; its answer, then, is what counts.
      if (body) pipeline(body, request).catch(reject);
      else request.end();
    });
  }

  private async read(answer: IncomingMessage): Promise<string> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of answer) chunks.push(chunk as Buffer);
    } catch (error) {
      throw this.failed(error);
    } finally {
      // Also ends an upload that was refused before it was complete.
      answer.destroy();
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  private failed(error: unknown): unknown {
    return this.signal.aborted ? error : unreachable(error, this.address.url);
  }
}

function limitConnecting(request: ClientRequest): void {
  request.once('socket', (socket) => {
    if (!socket.connecting) return;
    const tooSlow = () => request.destroy(Object.assign(new Error('no connection'), { code: 'ETIMEDOUT' }));
    const timer = setTimeout(tooSlow, CONNECT_TIMEOUT_MS);
    socket.once('connect', () => clearTimeout(timer)).once('close', () => clearTimeout(timer));
  });
}

function queryString(query: Query): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.append(name, String(value));
  return given.size === 0 ? '' : `?${given.toString()}`;
}

async function* only(text: string): AsyncGenerator<string> {
  yield await Promise.resolve(text);
}
