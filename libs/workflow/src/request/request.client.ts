import { request as httpRequest, type IncomingMessage, type RequestOptions as NodeRequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { type Clock, isSecretName, onAbort, TimeoutError } from '@nest-resilience/core';
import { refusalOf } from './destination.js';
import { checkedLookup, type Resolve } from './lookup.js';
import { nameLookup } from './name-lookup.js';
import { readBody } from './read-body.js';
import { RequestRefusedError } from './request.errors.js';
import type { ResolvedRequestOptions } from './request.options.js';

/** A request as it is sent; header names in lower case. */
export interface OutgoingRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** @default the client's own limit */
  readonly maxBytes: number | undefined;
}

export interface IncomingAnswer {
  /** Where it came from, after redirects. */
  readonly url: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** All that another origin is told when a redirect leads there: any other header may be a secret. */
const HARMLESS_HEADERS = ['accept', 'accept-language', 'content-type', 'user-agent'];

/**
 * Makes requests whose destinations come from files and data. Every name is resolved once, all its addresses are checked and the
 * connection is made to just these: a name that leads elsewhere a moment later leads nowhere. Redirects start over.
 */
export class RequestClient {
  constructor(
    private readonly options: ResolvedRequestOptions,
    private readonly clock: Clock,
    private readonly resolve: Resolve = nameLookup({ clock }),
  ) {}

  /** @throws RequestRefusedError, RequestTooLargeError, TimeoutError, or what the connection failed with */
  async send(request: OutgoingRequest, signal: AbortSignal): Promise<IncomingAnswer> {
    signal.throwIfAborted();
    const stop = new AbortController();
    const { timeout } = this.options;
    const timer = this.clock.setTimer(() => stop.abort(new TimeoutError('http', 'attempt', timeout)), timeout);
    const give = (): void => stop.abort(signal.reason);
    const unlisten = onAbort(signal, give);
    try {
      return await this.follow(request, stop.signal);
    } finally {
      timer.cancel();
      unlisten();
    }
  }

  private async follow(request: OutgoingRequest, signal: AbortSignal): Promise<IncomingAnswer> {
    let next = request;
    for (let hops = 0; ; hops++) {
      const url = this.check(next.url);
      const answer = await this.exchange(url, next, signal);
      const location = REDIRECTS.has(answer.status) ? answer.headers['location'] : undefined;
      if (location === undefined || this.options.maxRedirects === 0) return answer;
      if (hops >= this.options.maxRedirects)
        throw new RequestRefusedError(request.url, `it was redirected more than ${this.options.maxRedirects} times`);
      next = redirected(next, url, location, answer.status);
    }
  }

  /** What can be said before a name is resolved. */
  private check(text: string): URL {
    if (!URL.canParse(text)) throw new RequestRefusedError(shown(text), 'it is no absolute URL');
    const url = new URL(text);
    if (url.protocol !== 'http:' && url.protocol !== 'https:')
      throw new RequestRefusedError(shown(text), `only http and https are possible, not ${url.protocol}`);
    if (url.username !== '' || url.password !== '')
      throw new RequestRefusedError(shown(text), 'a user or password in a URL ends up in logs; use headers');
    const host = hostOf(url);
    // A literal address is not looked up, so nothing else would check it.
    const refusal = isIP(host) === 0 ? undefined : refusalOf(host, host, portOf(url), this.options.allow);
    if (refusal) throw new RequestRefusedError(shown(text), howToAllow(refusal));
    return url;
  }

  private exchange(url: URL, request: OutgoingRequest, signal: AbortSignal): Promise<IncomingAnswer> {
    const { method, headers, body, maxBytes = this.options.maxBytes } = request;
    const port = portOf(url);
    const settings: NodeRequestOptions = {
      method,
      signal,
      // A kept connection may be closed just when it is used again, and a node without retries would fail for nothing.
      agent: false,
      headers: {
        ...headers,
        'accept-encoding': 'identity',
        connection: 'close',
        ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }),
      },
      lookup: checkedLookup(this.resolve, (host, address) => {
        const refusal = refusalOf(host, address, port, this.options.allow);
        return refusal === undefined ? undefined : new RequestRefusedError(shown(url.href), howToAllow(refusal));
      }),
    };
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => reject(signal.aborted ? signal.reason : error);
      const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
      const outgoing = send(url, settings, (incoming) => {
        readBody(incoming, maxBytes, shown(url.href)).then(
          (bytes) =>
            resolve({ url: url.href, status: incoming.statusCode ?? 0, headers: plain(incoming), body: bytes }),
          (error: unknown) => {
            outgoing.destroy();
            fail(error);
          },
        );
      });
      outgoing.once('error', fail);
      outgoing.end(body);
    });
  }
}

function redirected(request: OutgoingRequest, from: URL, location: string, status: number): OutgoingRequest {
  if (!URL.canParse(location, from.href))
    throw new RequestRefusedError(shown(from.href), `it redirects to '${location.slice(0, 200)}', which is no URL`);
  const to = new URL(location, from.href);
  if (from.protocol === 'https:' && to.protocol === 'http:')
    throw new RequestRefusedError(shown(from.href), 'it redirects from https to http');
  const headers =
    to.origin === from.origin
      ? request.headers
      : Object.fromEntries(Object.entries(request.headers).filter(([name]) => HARMLESS_HEADERS.includes(name)));
  const { method } = request;
  const becomesGet = (status === 303 && method !== 'HEAD') || ((status === 301 || status === 302) && method === 'POST');
  if (!becomesGet) return { ...request, url: to.href, headers };
  const { 'content-type': _, 'idempotency-key': __, ...rest } = headers;
  return { ...request, url: to.href, method: 'GET', headers: rest, body: undefined };
}

function plain({ headers }: IncomingMessage): Record<string, string> {
  // These are kept in the ledger, and cookies, keys and tokens must not be.
  const entries = Object.entries(headers).filter(([name]) => !isSecretName(name));
  return Object.fromEntries(
    entries.map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  );
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '');
}

function portOf({ port, protocol }: URL): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}

/** Without its query, which may hold keys. */
function shown(url: string): string {
  return (url.split(/[?#]/)[0] ?? '').replace(/\/\/[^/]*@/, '//').slice(0, 200);
}

function howToAllow(refusal: string): string {
  return `${refusal}; if it is meant, add it to WorkflowModule.forRoot({ requests: { allow: [...] } })`;
}
