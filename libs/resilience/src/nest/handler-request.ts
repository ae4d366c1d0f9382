import type { MethodPolicy } from './method-policy.js';

// Nest's own names for these are not exported; `@nestjs/swagger` and others rely on the same two.
const ROUTE_ARGS = '__routeArguments__';
const HTTP_PATH = 'path';
/** `RouteParamtypes.REQUEST`: the one kind of parameter that no pipe sees. */
const REQUEST = 0;

/** Other transports read the same metadata and mean something else by it. */
const OTHER_TRANSPORTS = ['microservices:pattern', 'message', 'graphql:resolver_type'];

interface RouteArgument {
  readonly index: number;
  readonly data?: unknown;
  readonly pipes?: readonly unknown[];
}
type RouteArguments = Readonly<Record<string, RouteArgument>>;

/**
 * Lets the route of a decorated HTTP handler pass the request behind the handler's own arguments, where the wrapper takes it off
 * again: it tells whose call this is. Nest reads the metadata when it registers routes, which is after every `onModuleInit`.
 */
export function passRequest(type: NewableFunction, policy: MethodPolicy): void {
  const { methodName } = policy;
  const handler: unknown = Reflect.get(type.prototype as object, methodName);
  if (typeof handler !== 'function' || !Reflect.hasMetadata(HTTP_PATH, handler)) return;
  if (OTHER_TRANSPORTS.some((key) => Reflect.hasMetadata(key, handler))) return;
  const known = (Reflect.getMetadata(ROUTE_ARGS, type, methodName) ?? {}) as RouteArguments;
  if (`${REQUEST}:${policy.requestIndex}` in known) return;
  const taken = Math.max(-1, ...Object.values(known).map(({ index }) => index)) + 1;
  const declared = (Reflect.getMetadata('design:paramtypes', type.prototype as object, methodName) ?? []) as unknown[];
  policy.argumentCount = taken;
  policy.requestIndex = Math.max(taken, declared.length, handler.length);
  const mine = { [`${REQUEST}:${policy.requestIndex}`]: { index: policy.requestIndex, data: undefined, pipes: [] } };
  Reflect.defineMetadata(ROUTE_ARGS, { ...known, ...mine }, type, methodName);
}
