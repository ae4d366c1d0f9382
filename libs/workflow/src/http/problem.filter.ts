import { type ArgumentsHost, Catch, Logger } from '@nestjs/common';
import { type ProblemAnswer, ProblemException, ProblemFilter as AdminProblemFilter } from '@nest-resilience/core/admin';
import { ExecutorElsewhereError } from '../workflow.errors.js';
import { problemOf } from './problem.js';

/**
 * Answers errors as problem+json. It guards the routes of this package by itself; as a global filter it also covers what happens
 * before a route is found (malformed or too large bodies) and every other route of the application.
 */
@Catch()
export class ProblemFilter extends AdminProblemFilter {
  private readonly logger = new Logger('Workflows');

  override catch(error: unknown, context: ArgumentsHost): void {
    if (context.getType() !== 'http') throw error;
    super.catch(error, context);
  }

  protected override answerTo(error: unknown): ProblemAnswer {
    const problem = problemOf(error);
    // What waits for another process is no failure of this one, and comes with every request.
    if (problem.status >= 500 && !(error instanceof ExecutorElsewhereError)) this.logger.error(error);
    return {
      problem,
      headers: {
        ...(problem.retryAfterMs !== undefined && { 'Retry-After': String(Math.ceil(problem.retryAfterMs / 1000)) }),
        ...(error instanceof ProblemException && error.headers),
      },
    };
  }
}
