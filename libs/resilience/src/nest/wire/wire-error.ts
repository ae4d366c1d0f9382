import { classifyError } from '../../engine/classifier/classify-error.js';
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
  ['RESILIENCE_LLM_UNAVAILABLE', unavailable('No language model could answer.')],
  [
    'RESILIENCE_LLM_BUDGET',
    { status: 429, title: 'Too Many Requests', detail: 'The budget for language models is used up.', retryLater: true },
  ],
  ['RESILIENCE_LLM_REFUSED', unprocessable('A content filter refused the text.')],
  ['RESILIENCE_LLM_BAD_REQUEST', badGateway('No language model took the request that was made for this one.')],
  ['RESILIENCE_LLM_INVALID_ANSWER', badGateway('No usable answer came of the language model.')],
  ['RESILIENCE_LLM_ANSWER_TOO_LARGE', badGateway('The answer of the language model was too large.')],
  ['RESILIENCE_LLM_STREAM_INTERRUPTED', badGateway('The answer of the language model broke off.')],
  ['RESILIENCE_UPSTREAM', badGateway('Something this request depends on refused it.')],
]);

/** Carried by errors of others that a package of ours throws as they are: their status is what a vendor told us, not what we tell a caller. */
export const UPSTREAM = Symbol.for('nest-resilience.upstream');

function badGateway(detail: string): Answer {
  return { status: 502, title: 'Bad Gateway', detail, retryLater: false };
}

function unprocessable(detail: string): Answer {
  return { status: 422, title: 'Unprocessable Content', detail, retryLater: false };
}

function unavailable(detail: string): Answer {
  return { status: 503, title: 'Service Unavailable', detail, retryLater: true };
}

/** What `instanceof` means here: an error whose `code` has an answer, from whichever installation of this package. */
export abstract class WireError {
  static [Symbol.hasInstance](error: unknown): error is ResilienceError {
    try {
      if (!(error instanceof Error)) return false;
      return UPSTREAM in error || ('code' in error && 'policy' in error && ANSWERS.has(error.code));
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
  const code = UPSTREAM in error ? codeOfUpstream(error) : error.code;
  const answer = answerTo(code, error);
  const hint = 'retryAfterMs' in error ? Number(error.retryAfterMs) : NaN;
  const known = Number.isFinite(hint) && hint > 0;
  // A call above its rate limit never passes, so it is not asked to come back.
  const retryLater = answer.retryLater && hint !== Infinity;
  return { ...answer, retryLater, code, retryAfterMs: retryLater && known ? Math.ceil(hint) : undefined };
}

function codeOfUpstream(error: unknown): string {
  return classifyError(error).reason === 'content_policy' ? 'RESILIENCE_LLM_REFUSED' : 'RESILIENCE_UPSTREAM';
}

/** Where every model refused for good, coming back later is of no use. */
function answerTo(code: string, error: object): Answer {
  const answer = ANSWERS.get(code) ?? unavailable('');
  const forGood = code === 'RESILIENCE_LLM_UNAVAILABLE' && (error as { statusCode?: unknown }).statusCode === undefined;
  return forGood ? badGateway(answer.detail) : answer;
}

/** Whole seconds, at least 1: the header knows no fractions, and 0 would invite a storm. */
export function retryAfterHeader({ retryLater, retryAfterMs = 0 }: WireAnswer): string | undefined {
  return retryLater ? String(Math.max(1, Math.ceil(retryAfterMs / 1000))) : undefined;
}
