import { MetadataScanner } from '@nestjs/core';
import { NEST_METADATA } from '../nest/private/nest-metadata.js';
import { AdminGuard } from './admin.guard.js';

const { method: METHOD, guards: GUARDS } = NEST_METADATA;

export interface RouteHandler {
  readonly controller: object;
  readonly handler: object;
  /** Behind {@link AdminGuard}, by itself or with its whole controller. */
  readonly guarded: boolean;
}

/** All handlers of routes of these controllers. */
export function routeHandlers(controllers: Iterable<{ readonly metatype: unknown }>): RouteHandler[] {
  return [...controllers].flatMap(({ metatype }) => {
    if (typeof metatype !== 'function') return [];
    const prototype = metatype.prototype as Readonly<Record<string, object | undefined>>;
    return new MetadataScanner().getAllMethodNames(prototype).flatMap((name) => {
      const handler = prototype[name];
      if (handler === undefined || Reflect.getMetadata(METHOD, handler) === undefined) return [];
      return [{ controller: metatype, handler, guarded: guards(metatype) || guards(handler) }];
    });
  });
}

function guards(target: object): boolean {
  return ((Reflect.getMetadata(GUARDS, target) ?? []) as unknown[]).includes(AdminGuard);
}
