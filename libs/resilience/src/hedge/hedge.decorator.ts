import type { Duration } from '../engine/duration.js';
import { policyDecorator } from '../nest/policy-decorator.js';
import type { HedgeOptions } from './hedge.options.js';

/**
 * Starts another attempt beside one that takes long. The first answer wins; the signals of the others are aborted.
 * Only for methods that may run twice at the same time. A synchronous method cannot be hedged.
 * @param options a duration is short for `{ delay }`
 * @example `@Hedge({ percentile: 0.95, delay: '200ms' })`
 */
export function Hedge(options: HedgeOptions | Duration): MethodDecorator & ClassDecorator {
  return policyDecorator('hedge', 'Hedge', options);
}
