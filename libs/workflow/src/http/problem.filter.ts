import { type ArgumentsHost, Catch, type ExceptionFilter, Inject, Logger } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ProblemException } from '@nest-resilience/core/admin';
import { problemOf } from './problem.js';

/**
 * Answers errors as problem+json. It guards the routes of this package by itself; as a global filter it also covers what happens
 * before a route is found (malformed or too large bodies) and every other route of the application.
 */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger('Workflows');

  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

  catch(error: unknown, context: ArgumentsHost): void {
    if (context.getType() !== 'http') throw error;
    const problem = problemOf(error);
    if (problem.status >= 500) this.logger.error(error);
    const { httpAdapter } = this.host;
    const response = context.switchToHttp().getResponse<object>();
    if (problem.retryAfterMs !== undefined)
      httpAdapter.setHeader(response, 'Retry-After', String(Math.ceil(problem.retryAfterMs / 1000)));
    const headers = error instanceof ProblemException ? error.headers : {};
    for (const [name, value] of Object.entries(headers)) httpAdapter.setHeader(response, name, value);
    httpAdapter.setHeader(response, 'Content-Type', 'application/problem+json; charset=utf-8');
    httpAdapter.reply(response, JSON.stringify(problem), problem.status);
  }
}
