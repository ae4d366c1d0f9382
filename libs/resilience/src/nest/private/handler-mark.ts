import { AsyncLocalStorage } from 'node:async_hooks';

import type { Attempt } from '../../engine/attempt-state.js';
import { GAP } from './handler-request.js';
import type { MethodPolicy } from '../method-policy.js';

/** "This call of the handler came through our interceptor": its policies are being applied already. */
export interface HandlerMark {
  readonly policy: MethodPolicy;
  readonly attempt: Attempt;
}

/** What a request says. Without an attempt: the async context knows which one it is, or no policies apply. */
export type RequestMark = HandlerMark | { readonly policy: MethodPolicy; readonly attempt?: undefined };

const MARK = Symbol('nest-resilience:handler-mark');

/** A request that carries the mark of its handler. */
interface MarkedRequest {
  [MARK]?: RequestMark;
}

/**
 * The mark of an HTTP handler travels on its request, which the route gives to the handler as one argument more (see
 * `handler-request.ts`), so no async context is needed. Not in a WeakMap: with a key per request its garbage collection cost
 * 50 us a request (bench/http).
 */
export function markRequest(request: MarkedRequest, mark: RequestMark): void {
  request[MARK] = mark;
}

/**
 * Takes the request that a route has passed off the arguments again, with the gap before it. Whatever else calls a handler keeps
 * its arguments: the last one is no request, one of another handler, or stands behind arguments.
 */
export function takeRequest(policy: MethodPolicy, args: unknown[]): RequestMark | undefined {
  const request = args.at(-1);
  const count = args.length - 1 - GAP;
  if (count < 0 || typeof request !== 'object' || request === null) return undefined;
  const mark = (request as MarkedRequest)[MARK];
  if (mark?.policy !== policy) return undefined;
  for (let index = count; index < count + GAP; index++) if (args[index] !== undefined) return undefined;
  args.length = count;
  return mark;
}

/**
 * The mark of every other handler. Entered only around decorated ones: on Node 20 a running AsyncLocalStorage slows every promise
 * of the process, so neither a service nor an HTTP handler must ever need it.
 */
export const handlerMarks = new AsyncLocalStorage<HandlerMark>();
