import type { ExceptionFilter } from '@nestjs/common';
import type { DiscoveryService } from '@nestjs/core';

import { NEST_METADATA } from './nest-metadata.js';

const { gateway: GATEWAY, filters: FILTERS } = NEST_METADATA;

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
