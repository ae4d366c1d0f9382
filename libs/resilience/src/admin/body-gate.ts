import type { IncomingMessage } from 'node:http';
import { Inject, Injectable, type OnModuleInit, Optional, VERSION_NEUTRAL, VersioningType } from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { expressLayers, expressRouteOf } from '../nest/private/express-routes.js';
import { NEST_METADATA } from '../nest/private/nest-metadata.js';
import { AdminGuard } from './admin.guard.js';
import { type AdminAccess, RESILIENCE_ADMIN } from './admin.options.js';
import { type RouteHandler, routeHandlers } from './guarded-handlers.js';

const {
  version: VERSION,
  host: HOST,
  /** Nest copies it from a method to the function that a framework gets; Fastify shows it as the `config` of the route. */
  fastifyRouteConfig: ROUTE_CONFIG,
} = NEST_METADATA;
/** In there: the method, by which a route is told apart from every other. */
const HANDLER = Symbol.for('nest-resilience:handler');

/** Names of Express' own parsers: Nest itself tells by them which are there. */
const PARSERS = new Set(['jsonParser', 'urlencodedParser', 'rawParser', 'textParser']);

/** All that parsers look at to find out whether there is a body. */
const BODY_HEADERS = ['content-length', 'transfer-encoding', 'content-type'] as const;

interface Request {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly originalUrl?: string;
  readonly headers: IncomingMessage['headers'];
  readonly routeOptions?: { readonly config?: object };
}

interface Fastify {
  addHook(name: 'onRequest', hook: (request: Request, reply: unknown, done: () => void) => void): void;
}

type Next = () => void;

/** One gate is enough, and several modules bring it. */
const gated = new WeakSet<object>();

/**
 * Express and Fastify read and parse a body before Nest asks a guard. On routes behind {@link AdminGuard} this leaves a body unread
 * that comes without the right token; the guard then answers as it always does.
 */
@Injectable()
export class BodyGate implements OnModuleInit {
  private readonly guarded: ReadonlyMap<unknown, readonly RouteHandler[]>;
  private readonly guard: AdminGuard;

  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(ModulesContainer) modules: ModulesContainer,
    @Optional() @Inject(RESILIENCE_ADMIN) access?: AdminAccess,
    @Optional() @Inject(ApplicationConfig) private readonly config?: ApplicationConfig,
  ) {
    this.guard = new AdminGuard(access);
    // Here, because routes are made of the methods before any module is initialised.
    const all = routeHandlers([...modules.values()].flatMap(({ controllers }) => [...controllers.values()]));
    const open = new Set(all.flatMap(({ guarded, handler }) => (guarded ? [] : [handler])));
    const closed = all.filter(({ handler }) => !open.has(handler));
    this.guarded = new Map(closed.map(({ handler }) => [handler, closed.filter((route) => route.handler === handler)]));
    for (const handler of this.guarded.keys()) mark(handler as object);
  }

  onModuleInit(): void {
    // None in an application context, whatever Nest's types say.
    const adapter = this.host.httpAdapter as HttpAdapterHost['httpAdapter'] | undefined;
    if (!adapter || gated.has(adapter)) return;
    gated.add(adapter);
    if (adapter.getType() === 'fastify') {
      adapter.getInstance<Fastify>().addHook('onRequest', (request, _reply, done) => {
        this.look(request, request.routeOptions?.config);
        done();
      });
    } else if (adapter.getType() === 'express') {
      const layers = expressLayers(adapter);
      const parser = layers.findIndex(({ handle, route }) => route === undefined && PARSERS.has(handle.name));
      if (parser === -1) return;
      adapter.use(this.middleware);
      layers.splice(parser, 0, ...layers.splice(-1));
    }
  }

  /** For an application on Express with a parser of its own making: `app.use(app.get(BodyGate).middleware)` before that parser. */
  readonly middleware = (request: Request, _response: unknown, next: Next): void => {
    if (hasBody(request)) {
      const route = expressRouteOf(
        this.host.httpAdapter,
        request.method ?? '',
        request.originalUrl ?? request.url ?? '',
      );
      const handle = route?.stack[0]?.handle;
      this.look(request, handle && (Reflect.getMetadata(ROUTE_CONFIG, handle) as object | undefined));
    }
    next();
  };

  private look(request: Request, config: { readonly [HANDLER]?: object } = {}): void {
    const routes = this.guarded.get(config[HANDLER]);
    if (!routes?.every((route) => this.isCertain(route))) return;
    if (this.guard.refusalOf(request) === undefined) return;
    for (const name of BODY_HEADERS) delete request.headers[name];
  }

  /** Another route of the same path may be meant where the host or a header decides, and it need not be guarded. */
  private isCertain({ controller, handler }: RouteHandler): boolean {
    if (Reflect.getMetadata(HOST, controller) !== undefined) return false;
    const versioning = this.config?.getVersioning();
    if (versioning === undefined || versioning.type === VersioningType.URI) return true;
    return (Reflect.getMetadata(VERSION, handler) ?? Reflect.getMetadata(VERSION, controller)) === VERSION_NEUTRAL;
  }
}

function hasBody({ headers }: Request): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}

/** Lets a route be told by its configuration, and leaves there what the application said. */
function mark(handler: object): void {
  const config = Reflect.getMetadata(ROUTE_CONFIG, handler) as object | undefined;
  Reflect.defineMetadata(ROUTE_CONFIG, { ...config, [HANDLER]: handler }, handler);
}
