import type { HttpAdapterHost } from '@nestjs/core';

/**
 * Sends `application/problem+json` on Express and Fastify. As a text: Nest 11's Express adapter takes a body that is an object
 * for `application/json`, replaces any other type and warns, once per answer.
 */
export function sendProblem(
  httpAdapter: HttpAdapterHost['httpAdapter'],
  response: unknown,
  problem: { readonly status: number },
  headers: Readonly<Record<string, string>> = {},
): void {
  if (httpAdapter.isHeadersSent(response)) return void httpAdapter.end(response);
  for (const [name, value] of Object.entries(headers)) httpAdapter.setHeader(response, name, value);
  httpAdapter.setHeader(response, 'Content-Type', 'application/problem+json; charset=utf-8');
  httpAdapter.reply(response, JSON.stringify(problem), problem.status);
}
