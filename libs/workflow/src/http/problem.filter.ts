import { type ArgumentsHost, Catch, HttpException, Logger } from '@nestjs/common';
import { redactedStack } from '@nest-resilience/core';
import { type ProblemAnswer, ProblemException, ProblemFilter as AdminProblemFilter } from '@nest-resilience/core/admin';
import { problemOf } from './problem.js';

/**
 * Answers errors as problem+json. It guards the routes of this package by itself; as a global filter it also covers what happens
 * before a route is found (malformed or too large bodies) and every other route of the application.
 */
@Catch()
export class ProblemFilter extends AdminProblemFilter {
  private readonly logger = new Logger('Resilience:Workflows');

  override catch(error: unknown, context: ArgumentsHost): void {
    if (context.getType() !== 'http') throw error;
    super.catch(error, context);
  }

  protected override answerTo(error: unknown): ProblemAnswer {
    const problem = problemOf(error);
    // An answer that somebody chose is no fault: readiness that says no, a circuit that is open, a shutdown, another process that runs them.
    if (problem.status === 500 && !(error instanceof HttpException)) this.logger.error(redactedStack(error));
    return {
      problem,
      headers: {
        ...(problem.retryAfterMs !== undefined && { 'Retry-After': String(Math.ceil(problem.retryAfterMs / 1000)) }),
        ...(error instanceof ProblemException && error.headers),
      },
    };
  }
}
