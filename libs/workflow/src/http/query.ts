import { isCursor, parseDuration } from '@nest-resilience/core';
import { didYouMean } from '@nest-resilience/core/kit';
import { EXECUTION_STATUSES, type ExecutionStatus } from '../ledger/execution.js';
import { cursorProblem } from '../ledger/cursor.js';
import { type ExecutionFilter, MAX_PAGE_SIZE } from '../ledger/execution-store.js';
import type { InputProblem } from '../graph/input-schema.js';
import { WorkflowInputError } from '../workflow.errors.js';
import { EXECUTION_QUERY } from './workflow.openapi.js';

/** Query values as they come: a parameter given twice is a list, one in brackets an object. */
export type Query = Readonly<Record<string, unknown>>;

/** @throws WorkflowInputError with every wrong parameter */
export function readFilter(query: Query): ExecutionFilter {
  const problems = unknownFields(query);
  const text = (field: string): string | undefined => {
    const value = query[field];
    if (value === undefined || value === '') return undefined;
    if (typeof value === 'string' && value.length <= 100) return value;
    problems.push({ field, message: 'must be given once, with at most 100 characters' });
    return undefined;
  };
  const workflow = text('workflow');
  const status = text('status');
  const cursor = query['cursor'] === '' ? undefined : query['cursor'];
  const limitText = text('limit');
  const limit = limitText === undefined ? undefined : Number(limitText);
  if (status !== undefined && !(EXECUTION_STATUSES as readonly string[]).includes(status)) {
    problems.push({ field: 'status', message: `must be one of ${EXECUTION_STATUSES.join(', ')}` });
  }
  const wrongCursor = cursorProblem(cursor);
  if (wrongCursor) problems.push(wrongCursor);
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 1 && limit <= MAX_PAGE_SIZE)) {
    problems.push({ field: 'limit', message: `must be a whole number from 1 to ${MAX_PAGE_SIZE}` });
  }
  if (problems.length > 0) throw new WorkflowInputError('executions', problems);
  return {
    ...(workflow !== undefined && { workflow }),
    ...(status !== undefined && { status: status as ExecutionStatus }),
    ...(isCursor(cursor) && { cursor }),
    ...(limit !== undefined && { limit }),
  };
}

const FIELDS = Object.keys(EXECUTION_QUERY);

/** A filter that is misspelt would find everything. */
function unknownFields(query: Query): InputProblem[] {
  const unknown = Object.keys(query).filter((field) => !FIELDS.includes(field));
  return unknown.map((field) => ({
    field,
    message: `is no filter${didYouMean(field, FIELDS)}; known: ${FIELDS.join(', ')}`,
  }));
}

/** The node that `{ from }` names. @throws WorkflowInputError */
export function readRetry(body: unknown): string {
  const { from } = (typeof body === 'object' && body !== null ? body : {}) as { from?: unknown };
  if (typeof from === 'string' && from !== '') return from;
  throw new WorkflowInputError('executions', [{ field: 'from', message: 'must name the node to begin with' }]);
}

/** The event that a client saw last; 0 for none. */
export function readLastEventId(header: unknown, query: unknown): number {
  const given = header ?? query;
  if (given === undefined || given === '') return 0;
  if (typeof given === 'string' && /^\d{1,15}$/.test(given)) return Number(given);
  throw new WorkflowInputError('executions', [{ field: 'Last-Event-ID', message: 'must be the id of an event' }]);
}

/** Milliseconds of `?wait=30s`; 0 without it. */
export function readWait(workflow: string, wait: unknown): number {
  if (wait === undefined) return 0;
  const parsed = typeof wait === 'string' && /[a-z]/i.test(wait) ? parseDuration(wait) : undefined;
  if (parsed !== undefined && parsed >= 0 && Number.isFinite(parsed)) return parsed;
  throw new WorkflowInputError(workflow, [{ field: 'wait', message: "must be a time such as '30s'" }]);
}
