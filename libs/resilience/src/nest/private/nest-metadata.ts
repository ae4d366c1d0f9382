/**
 * Under which keys Nest's decorators keep what they were told. Nest does not export them; `@nestjs/swagger` and others rely on
 * the same ones. `nest-metadata.spec.ts` asks the decorators of the installed Nest.
 */
export const NEST_METADATA = {
  path: 'path',
  method: 'method',
  host: 'host',
  version: '__version__',
  guards: '__guards__',
  filters: '__exceptionFilters__',
  routeArguments: '__routeArguments__',
  sse: '__sse__',
  imports: 'imports',
  gateway: 'websockets:is_gateway',
  webSocketMessage: 'message',
  microservicePattern: 'microservices:pattern',
  graphqlResolver: 'graphql:resolver_type',
  fastifyRouteConfig: '__fastify_route_config__',
} as const;

/** What makes a method a handler of something else than HTTP. */
export const OTHER_TRANSPORTS: readonly string[] = [
  NEST_METADATA.microservicePattern,
  NEST_METADATA.webSocketMessage,
  NEST_METADATA.graphqlResolver,
];

/** `RouteParamtypes.REQUEST`: the one kind of parameter that no pipe sees. */
export const REQUEST_PARAMETER = 0;
