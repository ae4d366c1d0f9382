import { HttpException } from '@nestjs/common';
import { ResilienceError } from '@nest-resilience/core';
import {
  type Problem as AdminProblem,
  ProblemException,
  problemType,
  refusedBody,
  wireAnswerOf,
  WireError,
} from '@nest-resilience/core/admin';
import {
  ExecutionStateError,
  ExecutorElsewhereError,
  IdempotencyConflictError,
  NodeNotFoundError,
  StoreUnavailableError,
  WorkflowBusyError,
  WorkflowInputError,
  WorkflowNotFoundError,
  WorkflowUnhealthyError,
} from '../workflow.errors.js';

/** An error on the wire: `application/problem+json` (RFC 9457) with a stable code. */
export interface Problem extends AdminProblem {
  /** `urn:nest-resilience:problem:` and the code. */
  readonly type: string;
  readonly errors?: readonly { readonly field: string; readonly message: string }[];
  /** Names that exist, for an unknown one. */
  readonly known?: readonly string[];
  readonly nearest?: string;
  readonly executionId?: string;
  readonly retryAfterMs?: number;
}

const KINDS: Readonly<Record<string, readonly [status: number, title: string]>> = {
  RESILIENCE_WORKFLOW_NOT_FOUND: [404, 'No such workflow'],
  RESILIENCE_EXECUTION_NOT_FOUND: [404, 'No such execution'],
  RESILIENCE_NODE_NOT_FOUND: [404, 'No such node'],
  RESILIENCE_WORKFLOW_INPUT: [400, 'The input is not usable'],
  RESILIENCE_WORKFLOW_BUSY: [429, 'Too many executions are waiting'],
  RESILIENCE_STORE_UNAVAILABLE: [503, 'The ledger does not answer'],
  RESILIENCE_WORKFLOW_STOPPING: [503, 'Shutting down'],
  RESILIENCE_EXECUTOR_ELSEWHERE: [503, 'Another process runs the executions'],
  RESILIENCE_WORKFLOW_UNHEALTHY: [503, 'Not well enough to take this on'],
  RESILIENCE_IDEMPOTENCY_CONFLICT: [422, 'The idempotency key belongs to other input'],
  RESILIENCE_EXECUTION_STATE: [409, 'Not possible in this state'],
  RESILIENCE_LEDGER_FEATURE: [501, 'Not possible with this store'],
};

/** What a client may know about an error. Nothing of an unexpected one but that it happened. */
export function problemOf(error: unknown): Problem {
  if (error instanceof WireError) {
    const { status, title, detail, code, retryLater, retryAfterMs = 1_000 } = wireAnswerOf(error);
    return { ...problem(status, title, detail, code), ...(retryLater && { retryAfterMs }) };
  }
  if (error instanceof ResilienceError) {
    const [status, title] = KINDS[error.code] ?? [500, 'Something went wrong'];
    return { ...problem(status, title, error.message, error.code), ...detailsOf(error) };
  }
  const refused = refusedBody(error);
  if (refused !== undefined) return problem(refused.status, refused.title, refused.detail, refused.code);
  if (error instanceof ProblemException) {
    const { status, title, detail, code } = error.problem;
    return problem(status, title, detail, code);
  }
  if (error instanceof HttpException) {
    const body = error.getResponse();
    const { message } = (typeof body === 'object' ? body : {}) as { message?: unknown };
    const lines: unknown[] = Array.isArray(message) ? message : [];
    const errors = lines.map((line) => ({ field: '', message: String(line) }));
    return {
      ...problem(error.getStatus(), error.name.replace(/Exception$/, ''), error.message),
      ...(errors.length > 0 && { errors }),
    };
  }
  // Middleware throws errors of its own with a status.
  const { status, message } = (error ?? {}) as { status?: unknown; message?: unknown };
  if (typeof status === 'number' && status >= 400 && status < 500)
    return problem(status, 'The request is not usable', String(message));
  return problem(500, 'Something went wrong', 'An unexpected error occurred; the log of the service has it.');
}

function problem(status: number, title: string, detail: string, code = `HTTP_${status}`): Problem {
  return {
    type: problemType(code),
    title,
    status,
    detail,
    code,
  };
}

function detailsOf(error: ResilienceError): Partial<Problem> {
  if (error instanceof WorkflowInputError) return { errors: error.problems };
  if (error instanceof WorkflowNotFoundError || error instanceof NodeNotFoundError)
    return { known: error.known, ...(error.nearest && { nearest: error.nearest }) };
  if (
    error instanceof WorkflowBusyError ||
    error instanceof WorkflowUnhealthyError ||
    error instanceof StoreUnavailableError ||
    error instanceof ExecutorElsewhereError
  )
    return { retryAfterMs: error.retryAfterMs };
  if (error instanceof IdempotencyConflictError || error instanceof ExecutionStateError)
    return { executionId: error.executionId };
  return {};
}
