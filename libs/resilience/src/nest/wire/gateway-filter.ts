import type { ExceptionFilter } from '@nestjs/common';
import type { DiscoveryService } from '@nestjs/core';

/** Where Nest's own decorators keep what they were told. */
const GATEWAY = 'websockets:is_gateway';
const FILTERS = '__exceptionFilters__';

/**
 * Gives every gateway the filter, since Nest asks no global filters there. Must run before gateways are connected, so from a
 * constructor. First of the class's filters is the last to be asked: those that the application put on the gateway or on the
 * method win.
 *
 * Classes are shared by all applications of a process, and Nest reads their filters when it connects them. So an application
 * that does not want the filter takes it away.
 */
export function filterGateways(discovery: DiscoveryService, filter: ExceptionFilter, wanted: boolean): void {
  for (const { metatype } of discovery.getProviders()) {
    if (typeof metatype !== 'function' || Reflect.getMetadata(GATEWAY, metatype) !== true) continue;
    const present = (Reflect.getMetadata(FILTERS, metatype) ?? []) as unknown[];
    const others = present.filter((one) => !(one instanceof filter.constructor));
    Reflect.defineMetadata(FILTERS, wanted ? [filter, ...others] : others, metatype);
  }
}
