import { AsyncLocalStorage } from 'node:async_hooks';

import type { Attempt } from '../engine/attempt-state.js';
import type { MethodPolicy } from './method-policy.js';

/** "This call of the handler came through our interceptor": its policies are being applied already. */
export interface HandlerMark {
  readonly policy: MethodPolicy;
  readonly attempt: Attempt;
}

const MARK = Symbol('nest-resilience:handler-mark');

/** A request that carries the mark of its handler. */
interface MarkedRequest {
  [MARK]?: HandlerMark;
}

/**
 * The mark of an HTTP handler travels on its request, which the route gives to the handler as one argument more (see
 * `handler-request.ts`), so no async context is needed. Not in a WeakMap: with a key per request its garbage collection cost
 * 50 us a request (bench/http).
 */
export function markRequest(request: MarkedRequest, mark: HandlerMark): void {
  request[MARK] = mark;
}

export function markOfRequest(request: MarkedRequest): HandlerMark | undefined {
  return request[MARK];
}

/**
 * The mark of every other handler. Entered only around decorated ones: on Node 20 a running AsyncLocalStorage slows every promise
 * of the process, so neither a service nor an HTTP handler must ever need it.
 */
export const handlerMarks = new AsyncLocalStorage<HandlerMark>();
