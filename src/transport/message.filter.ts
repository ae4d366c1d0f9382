import { redactedStack } from '@nest-resilience/core';
import { problemOf } from '@nest-resilience/workflow';
import { Catch, Logger, type RpcExceptionFilter } from '@nestjs/common';
import { type Observable, throwError } from 'rxjs';

/** Answers a message that failed with the same problem that the route would answer. */
@Catch()
export class MessageFilter implements RpcExceptionFilter {
  private readonly logger = new Logger('Resilience:Messages');

  catch(error: unknown): Observable<never> {
    const problem = problemOf(error);
    if (problem.status >= 500) this.logger.error(redactedStack(error));
    return throwError(() => problem);
  }
}
