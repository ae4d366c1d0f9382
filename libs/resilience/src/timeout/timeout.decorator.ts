import type { Duration } from '../engine/duration.js';
import { policyDecorator } from '../nest/policy-decorator.js';
import type { TimeoutOptions } from './timeout.options.js';

/**
 * Gives up an attempt, or the whole call, after a while: the caller gets a `TimeoutError` at once and the attempt's signal is aborted.
 * @param options a duration is short for `{ each }`
 */
export function Timeout(options?: TimeoutOptions | Duration): MethodDecorator & ClassDecorator {
  return policyDecorator('timeout', 'Timeout', options);
}
