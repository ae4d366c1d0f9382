import { brandError } from '../engine/error-brand.js';
import { ResilienceError } from '../engine/errors.js';

/** Why an attempt got no place; `cannot_wait`: the method is synchronous. */
export type BulkheadRefusal = 'full' | 'cannot_wait' | 'queue_timeout' | 'shutdown';

/** The bulkhead had no place for the attempt; the method was not entered. Never retried by default. */
export class BulkheadFullError extends ResilienceError {
  static {
    brandError(this, 'BulkheadFullError');
  }

  constructor(
    policy: string,
    /** Attempts that may run at once. */
    readonly maxConcurrent: number,
    /** Attempts that may wait in line. */
    readonly maxQueue: number,
    readonly because: BulkheadRefusal = 'full',
  ) {
    const places =
      maxConcurrent === 1 ? 'the one place of its bulkhead' : `all ${maxConcurrent} places of its bulkhead`;
    super(`${policy}: ${wordsFor(because, places, maxQueue)}`, 'RESILIENCE_BULKHEAD_FULL', policy);
  }
}

function wordsFor(because: BulkheadRefusal, places: string, maxQueue: number): string {
  switch (because) {
    case 'full':
      return `calls have taken ${places}${maxQueue > 0 ? `, and ${maxQueue} more wait in line` : ''}`;
    case 'cannot_wait':
      return `calls have taken ${places}, and a synchronous method cannot wait`;
    case 'queue_timeout':
      return `calls held ${places} for longer than one may wait in line`;
    case 'shutdown':
      return `calls have taken ${places}, and nobody waits while the application shuts down`;
  }
}
