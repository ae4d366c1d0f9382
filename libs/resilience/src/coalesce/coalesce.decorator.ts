import type { PolicyDecorator } from '../nest/method-types.js';
import { policyDecorator } from '../nest/policy-decorator.js';
import type { CoalesceOptions } from './coalesce.options.js';

/**
 * Calls with the same key that come while one of them runs get that one's answer, retries included: the method runs once.
 * A caller that aborts only leaves; the shared call is aborted when the last one has left.
 * The compiler checks that `key` takes what the method is given.
 * @example `@Coalesce({ key: (tenant: string, id: string) => `${tenant}/${id}` })`
 */
export function Coalesce<A extends readonly unknown[]>(options?: CoalesceOptions<A>): PolicyDecorator<unknown, A> {
  return policyDecorator('coalesce', 'Coalesce', options as CoalesceOptions | undefined);
}
