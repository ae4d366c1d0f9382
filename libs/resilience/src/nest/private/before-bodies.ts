import type { IncomingMessage } from 'node:http';
import type { HttpAdapterHost } from '@nestjs/core';
import { expressLayers, expressRouteOf } from './express-routes.js';
import { NEST_METADATA } from './nest-metadata.js';

/** What Nest copies from a method to the function that a framework gets; Fastify shows it as the `config` of the route. */
const ROUTE_CONFIG = NEST_METADATA.fastifyRouteConfig;
/** In there: the method, by which a route is told apart from every other. */
const HANDLER = Symbol.for('nest-resilience:handler');

/** Names of Express' own parsers: Nest itself tells by them which are there. */
const PARSERS = new Set(['jsonParser', 'urlencodedParser', 'rawParser', 'textParser']);

/** All that parsers look at to find out whether there is a body. */
const BODY_HEADERS = ['content-length', 'transfer-encoding', 'content-type'] as const;

export interface UnreadRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly originalUrl?: string;
  readonly headers: IncomingMessage['headers'];
  readonly routeOptions?: { readonly config?: RouteConfig };
}

interface RouteConfig {
  readonly [HANDLER]?: object;
}

interface Fastify {
  addHook(name: 'onRequest', hook: (request: UnreadRequest, reply: unknown, done: () => void) => void): void;
}

/** @param handler the method that will handle the request, when it was marked with {@link markHandler} */
export type Look = (request: UnreadRequest, handler: object | undefined) => void;
export type Middleware = (request: UnreadRequest, response: unknown, next: () => void) => void;

/** Has every request with a body looked at before Express or Fastify read and parse it, which is before Nest asks a guard. */
export function beforeBodies(host: HttpAdapterHost, look: Look): void {
  // None in an application context, whatever Nest's types say.
  const adapter = host.httpAdapter as HttpAdapterHost['httpAdapter'] | undefined;
  if (adapter?.getType() === 'fastify') {
    adapter.getInstance<Fastify>().addHook('onRequest', (request, _reply, done) => {
      look(request, request.routeOptions?.config?.[HANDLER]);
      done();
    });
  } else if (adapter?.getType() === 'express') {
    const layers = expressLayers(adapter);
    const parser = layers.findIndex(({ handle, route }) => route === undefined && PARSERS.has(handle.name));
    if (parser === -1) return;
    adapter.use(beforeBody(host, look));
    layers.splice(parser, 0, ...layers.splice(-1));
  }
}

/** The same as a middleware of Express. */
export function beforeBody(host: HttpAdapterHost, look: Look): Middleware {
  return (request, _response, next) => {
    if (hasBody(request)) {
      const url = request.originalUrl ?? request.url ?? '';
      const handle = expressRouteOf(host.httpAdapter, request.method ?? '', url)?.stack[0]?.handle;
      const config = handle && (Reflect.getMetadata(ROUTE_CONFIG, handle) as RouteConfig | undefined);
      look(request, config?.[HANDLER]);
    }
    next();
  };
}

/** No parser finds a body any more: it stays in the socket. */
export function leaveUnread({ headers }: UnreadRequest): void {
  for (const name of BODY_HEADERS) delete headers[name];
}

/** Lets a route be told by its configuration, and leaves there what the application said. Before routes are made. */
export function markHandler(handler: object): void {
  const config = Reflect.getMetadata(ROUTE_CONFIG, handler) as object | undefined;
  Reflect.defineMetadata(ROUTE_CONFIG, { ...config, [HANDLER]: handler }, handler);
}

function hasBody({ headers }: UnreadRequest): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}
