import { Catch } from '@nestjs/common';
import { DeadLetterError, type DeadLetterErrorCode } from '../dead-letter/dead-letter.errors.js';
import { describeValue, NotNowError, ResilienceOptionsError } from '../engine/errors.js';
import { type ProblemAnswer, ProblemFilter } from './problem.js';

const STATUS: Record<DeadLetterErrorCode, number> = {
  RESILIENCE_DEAD_LETTER_NOT_FOUND: 404,
  RESILIENCE_DEAD_LETTER_NOT_REPLAYABLE: 409,
  RESILIENCE_DEAD_LETTER_LEASED: 409,
  RESILIENCE_DEAD_LETTER_LEASE_LOST: 409,
  RESILIENCE_DEAD_LETTER_CLOSED: 409,
  RESILIENCE_DEAD_LETTER_TARGET_UNKNOWN: 409,
};

/** Answers with application/problem+json (RFC 9457): 400 with every field at fault, 404, 409, 503 with `Retry-After`. */
@Catch(ResilienceOptionsError, DeadLetterError, NotNowError)
export class DeadLetterProblemFilter extends ProblemFilter {
  protected override answerTo(error: ResilienceOptionsError | DeadLetterError | NotNowError): ProblemAnswer {
    if (error instanceof NotNowError) return notNow(error);
    return { problem: error instanceof DeadLetterError ? refused(error) : badInput(error) };
  }
}

function refused({ code, message, deadLetterId }: DeadLetterError) {
  const status = STATUS[code];
  return {
    type: 'about:blank',
    title: status === 404 ? 'Not Found' : 'Conflict',
    status,
    code,
    detail: message,
    id: deadLetterId,
  };
}

function notNow({ code, message, retryAfterMs }: NotNowError): ProblemAnswer {
  const problem = { type: 'about:blank', title: 'Service Unavailable', status: 503, code, detail: message };
  return { problem, headers: { 'Retry-After': String(Math.ceil(retryAfterMs / 1_000)) } };
}

function badInput({ code, problems }: ResilienceOptionsError) {
  const errors = problems.map(({ path, value, allowed }) => ({
    field: path.split(' > ').at(-1),
    message: `got ${describeValue(value)}, expected ${allowed}`,
  }));
  const detail = errors.map(({ field, message }) => `${field}: ${message}`).join('; ');
  return { type: 'about:blank', title: 'Bad Request', status: 400, code, detail, errors };
}
