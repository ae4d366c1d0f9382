import type { ExecutionContext } from '@nestjs/common';

/** Who waits for a handler's answer. */
export interface WireClient {
  readonly gone: () => boolean;
  /** Returns what takes the listener away. */
  readonly onGone: (listener: () => void) => () => void;
}

interface Emitter {
  once(event: string, listener: () => void): unknown;
}

interface RawResponse extends Emitter {
  readonly writableFinished: boolean;
  readonly destroyed: boolean;
}

/** Of the `ws` package, or of socket.io. */
interface Socket extends Emitter {
  readonly readyState?: number;
  readonly connected?: boolean;
}

/** @returns undefined where nobody is connected: messages between services, jobs, GraphQL subscriptions */
export function clientOf(context: ExecutionContext): WireClient | undefined {
  switch (context.getType<string>()) {
    case 'http':
      return ofResponse(rawResponse(context.getArgByIndex<unknown>(1)));
    case 'graphql':
      return ofResponse(responseOfGraphql(context.getArgByIndex<unknown>(2)));
    case 'ws':
      return ofSocket(context.getArgByIndex<unknown>(0));
    default:
      return undefined;
  }
}

function ofResponse(response: RawResponse | undefined): WireClient | undefined {
  if (response === undefined) return undefined;
  return {
    gone: () => response.destroyed && !response.writableFinished,
    onGone: (listener) => shared(response, 'close', () => void (!response.writableFinished && listener())),
  };
}

const OPEN = 1;

function ofSocket(client: unknown): WireClient | undefined {
  if (typeof client !== 'object' || client === null || !('once' in client)) return undefined;
  const socket = client as Socket;
  const native = typeof socket.readyState === 'number';
  return {
    gone: () => (native ? socket.readyState !== OPEN : socket.connected === false),
    onGone: (listener) => shared(socket, native ? 'close' : 'disconnect', listener),
  };
}

const listenersOf = new WeakMap<Emitter, Set<() => void>>();

/** One listener per connection, however many messages or fields are being worked on: Node warns of more than ten. */
function shared(emitter: Emitter, event: string, listener: () => void): () => void {
  let listeners = listenersOf.get(emitter);
  if (listeners === undefined) {
    const all = (listeners = new Set());
    listenersOf.set(emitter, all);
    emitter.once(event, () => {
      for (const one of [...all]) one();
    });
  }
  const mine = listeners;
  mine.add(listener);
  return () => void mine.delete(listener);
}

/** Mercurius offers Fastify's `reply`; Apollo's integrations and most contexts of applications Node's `req`, or Express' `res`. */
function responseOfGraphql(context: unknown): RawResponse | undefined {
  if (typeof context !== 'object' || context === null) return undefined;
  const { reply, res, req } = context as { reply?: unknown; res?: unknown; req?: unknown };
  const behindRequest = typeof req === 'object' && req !== null && 'res' in req ? req.res : undefined;
  return rawResponse(reply) ?? rawResponse(res) ?? rawResponse(behindRequest);
}

/** Fastify wraps Node's response, Express extends it. */
function rawResponse(response: unknown): RawResponse | undefined {
  if (typeof response !== 'object' || response === null) return undefined;
  const raw: unknown = 'raw' in response ? response.raw : response;
  return typeof raw === 'object' && raw !== null && 'writeHead' in raw && 'once' in raw
    ? (raw as unknown as RawResponse)
    : undefined;
}
