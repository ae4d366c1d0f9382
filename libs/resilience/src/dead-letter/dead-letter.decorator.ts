import { policyDecorator } from '../nest/policy-decorator.js';
import type { DeadLetterOptions } from './dead-letter.options.js';

/**
 * Keeps a call that nobody could rescue, durably, until somebody runs it again or discards it.
 * The rejected error carries `deadLetterId`.
 * @param options a queue name is short for `{ queue }`
 */
export function DeadLetter(options?: DeadLetterOptions | string): MethodDecorator & ClassDecorator {
  return policyDecorator('deadLetter', 'DeadLetter', options);
}
