import { Catch } from '@nestjs/common';
import { DeadLetterError } from '../dead-letter/dead-letter.errors.js';
import { describeValue, NotNowError, ResilienceOptionsError } from '../engine/errors.js';
import { newProblem } from '../nest/openapi/problem.schema.js';
import { type ProblemAnswer, ProblemFilter } from './problem.js';

/** Answers with application/problem+json (RFC 9457): 400 with every field at fault, 404, 409, 503 with `Retry-After`. */
@Catch(ResilienceOptionsError, DeadLetterError, NotNowError)
export class DeadLetterProblemFilter extends ProblemFilter {
  protected override answerTo(error: ResilienceOptionsError | DeadLetterError | NotNowError): ProblemAnswer {
    const { code, message } = error;
    if (error instanceof NotNowError) {
      const headers = { 'Retry-After': String(Math.ceil(error.retryAfterMs / 1_000)) };
      return { problem: newProblem(503, code, message), headers };
    }
    if (error instanceof ResilienceOptionsError) return { problem: badInput(error) };
    // Whatever else is wrong with an entry is the state that it is in.
    const status = code === 'RESILIENCE_DEAD_LETTER_NOT_FOUND' ? 404 : 409;
    const problem = { ...newProblem(status, code, message), id: error.deadLetterId };
    return { problem };
  }
}

function badInput({ code, problems }: ResilienceOptionsError) {
  const errors = problems.map(({ path, value, allowed }) => ({
    field: path.split(' > ').at(-1),
    message: `got ${describeValue(value)}, expected ${allowed}`,
  }));
  return { ...newProblem(400, code, errors.map(({ field, message }) => `${field}: ${message}`).join('; ')), errors };
}
