import { HttpException } from '@nestjs/common';

export interface ProblemFacts {
  readonly status: number;
  readonly message: string;
  /** @default by the status */
  readonly type?: string;
  readonly code?: string;
  /** The field of the request that is wrong. */
  readonly param?: string;
  readonly retryAfterMs?: number | undefined;
  /** False where the same request will be refused again: clients of OpenAI's make would repeat every 429 and 5xx. */
  readonly shouldRetry?: boolean;
}

const TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  429: 'rate_limit_error',
};

/** An error in the shape that OpenAI's clients read. */
export class OpenAiProblem extends HttpException {
  readonly headers: Readonly<Record<string, string>>;

  constructor({ status, message, type, code, param, retryAfterMs, shouldRetry }: ProblemFacts) {
    const known = type ?? TYPES[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error');
    super({ error: { message, type: known, param: param ?? null, code: code ?? null } }, status);
    this.headers = {
      ...(retryAfterMs !== undefined && {
        'Retry-After': String(Math.ceil(retryAfterMs / 1000)),
        'retry-after-ms': String(Math.ceil(retryAfterMs)),
      }),
      ...(shouldRetry !== undefined && { 'x-should-retry': String(shouldRetry) }),
    };
  }
}

/** The request itself is wrong. */
export function badRequest(param: string, message: string, code?: string): OpenAiProblem {
  return new OpenAiProblem({ status: 400, message, param, ...(code && { code }) });
}
