import type { ResilienceError } from '../../engine/errors.js';

interface Answer {
  readonly status: number;
  readonly title: string;
  /** For people outside: names no circuit and no method, unlike the error's own message. */
  readonly detail: string;
  readonly retryLater: boolean;
}

const ANSWERS: ReadonlyMap<unknown, Answer> = new Map([
  ['RESILIENCE_CIRCUIT_OPEN', unavailable('Something this request depends on is failing, so it was not tried.')],
  ['RESILIENCE_BULKHEAD_FULL', unavailable('Too many such requests are being worked on.')],
  [
    'RESILIENCE_RATE_LIMITED',
    { status: 429, title: 'Too Many Requests', detail: 'Too many such requests came in.', retryLater: true },
  ],
  [
    'RESILIENCE_TIMEOUT',
    { status: 504, title: 'Gateway Timeout', detail: 'The request took longer than it may.', retryLater: false },
  ],
  ['RESILIENCE_SHUTDOWN', unavailable('The process that worked on this request is shutting down.')],
  // Nobody reads this one; access logs do, and know the number from nginx.
  [
    'RESILIENCE_CLIENT_GONE',
    { status: 499, title: 'Client Closed Request', detail: 'The client did not wait.', retryLater: false },
  ],
]);

function unavailable(detail: string): Answer {
  return { status: 503, title: 'Service Unavailable', detail, retryLater: true };
}

/** What `instanceof` means here: an error whose `code` has an answer, from whichever installation of this package. */
export abstract class WireError {
  static [Symbol.hasInstance](error: unknown): error is ResilienceError {
    try {
      return error instanceof Error && 'code' in error && 'policy' in error && ANSWERS.has(error.code);
    } catch {
      return false;
    }
  }
}

/** How an error of ours is told to a caller outside. */
export interface WireAnswer extends Answer {
  readonly code: string;
  /** Milliseconds; undefined when trying again is no matter of waiting. */
  readonly retryAfterMs: number | undefined;
}

export function answerOf(error: ResilienceError): WireAnswer {
  const answer = ANSWERS.get(error.code) ?? unavailable('');
  const hint = 'retryAfterMs' in error ? Number(error.retryAfterMs) : NaN;
  const known = Number.isFinite(hint) && hint > 0;
  // A call above its rate limit never passes, so it is not asked to come back.
  const retryLater = answer.retryLater && hint !== Infinity;
  return { ...answer, retryLater, code: error.code, retryAfterMs: retryLater && known ? Math.ceil(hint) : undefined };
}

/** Whole seconds, at least 1: the header knows no fractions, and 0 would invite a storm. */
export function retryAfterHeader({ retryLater, retryAfterMs = 0 }: WireAnswer): string | undefined {
  return retryLater ? String(Math.max(1, Math.ceil(retryAfterMs / 1000))) : undefined;
}
