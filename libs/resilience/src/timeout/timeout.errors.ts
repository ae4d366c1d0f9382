import { brandError } from '../engine/error-brand.js';
import { ResilienceError } from '../engine/errors.js';
import type { TimeoutScope } from '../engine/stages.js';

/** A limit of `@Timeout` passed. The method itself may still be running: listen to its `AttemptContext.signal`. */
export class TimeoutError extends ResilienceError {
  static {
    brandError(this, 'TimeoutError');
  }

  constructor(
    policy: string,
    /** Which limit: one attempt, the whole call, the first item of a stream, or the gap between two items. */
    readonly scope: TimeoutScope,
    /** The limit in milliseconds. */
    readonly afterMs: number,
  ) {
    super(`${policy}: ${WORDS[scope]} took longer than ${afterMs} ms`, 'RESILIENCE_TIMEOUT', policy);
  }
}

const WORDS: Readonly<Record<TimeoutScope, string>> = {
  attempt: 'the attempt',
  total: 'the whole call with its retries',
  first_item: 'the first item of the stream',
  idle: 'the next item of the stream',
};
