import type { IncomingMessage } from 'node:http';
import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { HttpResponse } from '@nest-resilience/core/admin';
import { errorAnswer } from './error-answer.js';
import { OpenAiProblem } from './openai-problem.js';

/** Answers every error of the endpoint's routes as OpenAI does. */
@Catch()
export class OpenAiProblemFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const response = http.getResponse<HttpResponse & { send(body: unknown): void }>();
    const request = http.getRequest<IncomingMessage & { readonly raw?: IncomingMessage }>();
    const problem = problemOf(error);
    // What is left of its body is in the way of another request, and would keep a server that stops waiting.
    if (!(request.raw ?? request).complete) response.header('connection', 'close');
    for (const [name, value] of Object.entries(problem.headers)) response.header(name, value);
    response.status(problem.getStatus());
    response.send(problem.getResponse());
  }
}

/** What guards and pipes of the application throw keeps its status. */
function problemOf(error: unknown): OpenAiProblem {
  if (!(error instanceof HttpException) || error instanceof OpenAiProblem) return errorAnswer(error);
  return new OpenAiProblem({ status: error.getStatus(), message: error.message });
}
