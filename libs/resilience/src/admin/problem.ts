import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { newProblem, type Problem } from '../nest/openapi/problem.schema.js';
import { sendProblem } from '../nest/wire/send-problem.js';

/** An error that is answered as `application/problem+json` where {@link ProblemFilter} is in use, as plain JSON elsewhere. */
export class ProblemException extends HttpException {
  readonly problem: Problem;

  constructor(
    status: number,
    code: string,
    detail: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    const problem = newProblem(status, code, detail);
    super(problem, status);
    this.problem = problem;
    this.message = detail;
  }
}

/** An error answer that is ready to be sent. */
export interface ProblemAnswer {
  readonly problem: { readonly status: number };
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Gives a {@link ProblemException} its media type and headers. To answer other errors in the same way, extend it, catch them with
 * `@Catch()` and override {@link answerTo}.
 */
@Catch(ProblemException)
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly host: HttpAdapterHost) {}

  catch(error: unknown, context: ArgumentsHost): void {
    const { problem, headers } = this.answerTo(error);
    sendProblem(this.host.httpAdapter, context.switchToHttp().getResponse(), problem, headers);
  }

  protected answerTo(error: unknown): ProblemAnswer {
    return error as ProblemException;
  }
}
