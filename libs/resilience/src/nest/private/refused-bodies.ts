import type { FactoryProvider, OnModuleInit, Type } from '@nestjs/common';
import { HttpAdapterHost, MetadataScanner } from '@nestjs/core';

import { problemType } from '../openapi/problem.schema.js';
import { expressRouteOf } from './express-routes.js';
import { NEST_METADATA } from './nest-metadata.js';
import { refusedBody } from './refused-body.js';
import { sendProblem } from '../wire/send-problem.js';

type Adapter = HttpAdapterHost['httpAdapter'];
type Handler = (error: unknown, request: Request, response: unknown, next: unknown) => unknown;

interface Request {
  readonly method: string;
  readonly url: string;
  /** Fastify has found the route by then. */
  readonly routeOptions?: { readonly url?: string };
}

/**
 * Answers bodies that Express or Fastify refuse before a handler is reached as problem+json, on the routes of these controllers
 * only: everything else of the application goes to its own filters as before. A provider of the module that has them.
 */
export class RefusedBodies implements OnModuleInit {
  private constructor(
    private readonly host: HttpAdapterHost,
    private readonly controllers: readonly Type[],
  ) {}

  static of(controllers: readonly Type[]): FactoryProvider<RefusedBodies> {
    return {
      provide: Symbol.for('nest-resilience:refused-bodies'),
      inject: [HttpAdapterHost],
      useFactory: (host: HttpAdapterHost) => new RefusedBodies(host, controllers),
    };
  }

  /** Just before Nest gives the framework its handler of errors: the one place where both tell Nest of a body. */
  onModuleInit(): void {
    // There is none in an application context, whatever Nest's types say.
    const adapter = this.host.httpAdapter as Adapter | undefined;
    if (typeof adapter?.setErrorHandler !== 'function') return;
    const endings = this.controllers.flatMap(pathsOf);
    const set = adapter.setErrorHandler.bind(adapter) as (handler: Handler, prefix?: string) => unknown;
    adapter.setErrorHandler = ((handler: Handler, prefix?: string) =>
      // Four parameters: by their number Express knows a handler of errors.
      set((error, request, response, next) => {
        const refused = refusedBody(error);
        if (refused === undefined || !isOneOf(endings, templateOf(adapter, request)))
          return handler(error, request, response, next);
        const problem = { type: problemType(refused.code), ...refused };
        return sendProblem(adapter, response, problem);
      }, prefix)) as Adapter['setErrorHandler'];
  }
}

/** `/workflows/:name/executions` and so on, as Nest's decorators keep them. */
function pathsOf(controller: Type): string[] {
  const prototype = controller.prototype as object;
  return new MetadataScanner().getAllMethodNames(prototype).flatMap((name) => {
    const handler = Reflect.get(prototype, name) as object;
    return Reflect.hasMetadata(NEST_METADATA.path, handler) ? [join(pathIn(controller), pathIn(handler))] : [];
  });
}

const pathIn = (target: object): string => String([Reflect.getMetadata(NEST_METADATA.path, target)].flat()[0] ?? '');

const join = (...parts: string[]): string =>
  parts
    .flatMap((part) => part.split('/'))
    .filter((part) => part !== '')
    .map((part) => `/${part}`)
    .join('');

/** Before it come only what an application puts before all routes of a module: a prefix, a version. */
function isOneOf(endings: readonly string[], template: string | undefined): boolean {
  return endings.some((ending) => template?.endsWith(ending) && !template.slice(0, -ending.length).includes(':'));
}

/** The path of the route that would have handled the request, as it was declared. */
function templateOf(adapter: Adapter, { method, url, routeOptions }: Request): string | undefined {
  if (routeOptions?.url !== undefined) return routeOptions.url;
  return expressRouteOf(adapter, method, url)?.path;
}
