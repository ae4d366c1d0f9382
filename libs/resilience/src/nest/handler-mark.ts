import { AsyncLocalStorage } from 'node:async_hooks';

import type { Attempt } from '../engine/attempt-state.js';
import type { Execution } from '../engine/execution.js';
import type { MethodPolicy } from './method-policy.js';

/** "This call of the handler came through our interceptor": its policies are being applied already. */
export interface HandlerMark {
  readonly policy: MethodPolicy;
  readonly execution: Execution;
  readonly attempt: Attempt;
  /** False until the handler itself is reached; a pipe or inner interceptor may fail before. */
  entered: boolean;
}

/**
 * Entered only around decorated handlers: on Node 20 a running AsyncLocalStorage slows every promise of the process, so a
 * service must never need it.
 */
export const handlerMarks = new AsyncLocalStorage<HandlerMark>();
