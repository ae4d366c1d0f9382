import { Inject, Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';

import { NEST_METADATA, OTHER_TRANSPORTS, REQUEST_PARAMETER } from './nest-metadata.js';
import { methodNames, methodPolicyOf } from '../method-policy.js';

/** Empty places between a handler's own arguments and the request: no caller leaves so many before its last argument. */
export const GAP = 3;

/** Tells the argument that we add from those of the handler. */
const OURS = Symbol.for('nest-resilience:passed-request');

interface RouteArgument {
  readonly index: number;
  readonly data?: unknown;
  readonly pipes?: readonly unknown[];
  readonly [OURS]?: true;
}

/**
 * Lets the routes of decorated HTTP handlers pass the request behind the handler's own arguments, where the wrapper takes it off
 * again: it tells whose call this is.
 *
 * In a constructor, and asking for nothing that has to be made first: Nest makes every provider before it reads the first route,
 * but it reads all routes before it calls the first `onModuleInit`.
 */
@Injectable()
export class HandlerRequests {
  constructor(@Inject(DiscoveryService) discovery: DiscoveryService) {
    for (const { metatype } of discovery.getControllers()) if (typeof metatype === 'function') passRequests(metatype);
  }
}

function passRequests(type: NewableFunction): void {
  const prototype = type.prototype as object;
  for (const method of methodNames(prototype)) {
    const passes = mayPassRequest(Reflect.get(prototype, method));
    const known = Object.entries(
      (Reflect.getMetadata(NEST_METADATA.routeArguments, type, method) ?? {}) as Record<string, RouteArgument>,
    );
    // What a class inherits may be ours already, and wrong here: for another number of arguments, or for a method without policies.
    const own = known.filter(([, argument]) => argument[OURS] === undefined);
    if (!passes && own.length === known.length) continue;
    const index = Math.max(-1, ...own.map(([, argument]) => argument.index)) + 1 + GAP;
    const ours: RouteArgument = { index, data: undefined, pipes: [], [OURS]: true };
    const all = passes ? [...own, [`${REQUEST_PARAMETER}:${index}`, ours]] : own;
    Reflect.defineMetadata(NEST_METADATA.routeArguments, Object.fromEntries(all), type, method);
  }
}

function mayPassRequest(handler: unknown): boolean {
  const policy = methodPolicyOf(handler);
  if (policy === undefined || !Reflect.hasMetadata(NEST_METADATA.path, handler as object)) return false;
  // They read the same metadata and mean something else by it.
  if (OTHER_TRANSPORTS.some((key) => Reflect.hasMetadata(key, handler as object))) return false;
  return (policy.takesRequest = true);
}
