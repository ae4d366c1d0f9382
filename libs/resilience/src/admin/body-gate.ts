import { Inject, Injectable, type OnModuleInit, Optional, VERSION_NEUTRAL, VersioningType } from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import {
  beforeBodies,
  beforeBody,
  leaveUnread,
  type Look,
  markHandler,
  type Middleware,
} from '../nest/private/before-bodies.js';
import { NEST_METADATA } from '../nest/private/nest-metadata.js';
import { AdminGuard } from './admin.guard.js';
import { type AdminAccess, RESILIENCE_ADMIN } from './admin.options.js';
import { type RouteHandler, routeHandlers } from './guarded-handlers.js';

const { version: VERSION, host: HOST } = NEST_METADATA;

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
  /** For an application on Express with a parser of its own making: `app.use(app.get(BodyGate).middleware)` before that parser. */
  readonly middleware: Middleware;

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
    for (const handler of this.guarded.keys()) markHandler(handler as object);
    this.middleware = beforeBody(host, this.look);
  }

  onModuleInit(): void {
    // None in an application context, whatever Nest's types say.
    const adapter = this.host.httpAdapter as HttpAdapterHost['httpAdapter'] | undefined;
    if (!adapter || gated.has(adapter)) return;
    gated.add(adapter);
    beforeBodies(this.host, this.look);
  }

  private readonly look: Look = (request, handler) => {
    const routes = this.guarded.get(handler);
    if (!routes?.every((route) => this.isCertain(route))) return;
    if (this.guard.refusalOf(request) === undefined) return;
    leaveUnread(request);
  };

  /** Another route of the same path may be meant where the host or a header decides, and it need not be guarded. */
  private isCertain({ controller, handler }: RouteHandler): boolean {
    if (Reflect.getMetadata(HOST, controller) !== undefined) return false;
    const versioning = this.config?.getVersioning();
    if (versioning === undefined || versioning.type === VersioningType.URI) return true;
    return (Reflect.getMetadata(VERSION, handler) ?? Reflect.getMetadata(VERSION, controller)) === VERSION_NEUTRAL;
  }
}
