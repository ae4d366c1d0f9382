import type { HttpAdapterHost } from '@nestjs/core';

/** A layer of Express' router: a route, or something that handles requests of many. */
export interface ExpressLayer {
  readonly handle: { readonly name: string };
  readonly route?: {
    readonly path: string;
    readonly methods: Readonly<Record<string, boolean>>;
    readonly stack: readonly { readonly handle: object }[];
  };
  match(path: string): boolean;
}

/** In the order in which they are asked. Of Express 5; in Express 4 the router is called `_router`. */
export function expressLayers(adapter: HttpAdapterHost['httpAdapter']): ExpressLayer[] {
  type Router = { readonly stack: ExpressLayer[] } | undefined;
  const { router, _router } = adapter.getInstance<{ readonly router?: Router; readonly _router?: Router }>();
  return (router ?? _router)?.stack ?? [];
}

/** The route that would handle the request; Express itself looks for it later than it reads the body. */
export function expressRouteOf(
  adapter: HttpAdapterHost['httpAdapter'],
  method: string,
  url: string,
): ExpressLayer['route'] {
  const path = url.split('?')[0] ?? '';
  const verb = method.toLowerCase();
  const handles = ({ methods }: NonNullable<ExpressLayer['route']>) => methods[verb] ?? methods['_all'] ?? false;
  return expressLayers(adapter).find((layer) => layer.route && handles(layer.route) && matches(layer, path))?.route;
}

function matches(layer: ExpressLayer, path: string): boolean {
  try {
    return layer.match(path);
  } catch {
    // It is the one, but a parameter cannot be decoded, such as '%zz'.
    return true;
  }
}
