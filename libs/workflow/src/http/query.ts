import { isCursor, parseDuration } from '@nest-resilience/core';
import { didYouMean } from '@nest-resilience/core/kit';
import type { schemas } from '@nest-resilience/core/admin';
import { EXECUTION_STATUSES } from '../ledger/execution.js';
import { cursorProblem } from '../ledger/cursor.js';
import { type ExecutionFilter, MAX_PAGE_SIZE } from '../ledger/execution-store.js';
import { ITEM_STATUSES, type ItemFilter } from '../ledger/items.js';
import type { InputProblem } from '../graph/input-schema.js';
import { WorkflowInputError } from '../workflow.errors.js';
import { EXECUTION_QUERY, ITEM_QUERY } from './workflow.openapi.js';

/** Query values as they come: a parameter given twice is a list, one in brackets an object. */
export type Query = Readonly<Record<string, unknown>>;

/** @throws WorkflowInputError with every wrong parameter */
export function readFilter(query: Query): ExecutionFilter {
  const { problems, text, cursor, status, limit } = readPage(query, EXECUTION_QUERY, EXECUTION_STATUSES, cursorProblem);
  const workflow = text('workflow');
  if (problems.length > 0) throw new WorkflowInputError('executions', problems);
  return {
    ...(workflow !== undefined && { workflow }),
    ...(status !== undefined && { status }),
    ...(isCursor(cursor) && { cursor }),
    ...(limit !== undefined && { limit }),
  };
}

/** @throws WorkflowInputError with every wrong parameter */
export function readItemFilter(query: Query): Omit<ItemFilter, 'node' | 'step'> {
  const { problems, cursor, status, limit } = readPage(query, ITEM_QUERY, ITEM_STATUSES, itemCursorProblem);
  if (problems.length > 0) throw new WorkflowInputError('executions', problems);
  return {
    ...(status !== undefined && { status }),
    ...(cursor !== undefined && { cursor: Number(cursor) }),
    ...(limit !== undefined && { limit }),
  };
}

function itemCursorProblem(cursor: unknown): InputProblem | undefined {
  if (cursor === undefined || (typeof cursor === 'string' && /^\d{1,9}$/.test(cursor))) return undefined;
  const given = typeof cursor === 'string' ? `'${cursor.slice(0, 100)}'` : `of type ${typeof cursor}`;
  return { field: 'cursor', message: `is ${given}, expected the nextCursor of the page before` };
}

/** What all lists may be asked. */
function readPage<Status extends string>(
  query: Query,
  fields: schemas.Fields,
  statuses: readonly Status[],
  cursorProblemOf: (cursor: unknown) => InputProblem | undefined,
) {
  const problems = unknownFields(query, Object.keys(fields));
  const text = (field: string): string | undefined => {
    const value = query[field];
    if (value === undefined || value === '') return undefined;
    if (typeof value === 'string' && value.length <= 100) return value;
    problems.push({ field, message: 'must be given once, with at most 100 characters' });
    return undefined;
  };
  const asked = text('status');
  const status = statuses.find((known) => known === asked);
  const limitText = text('limit');
  const limit = limitText === undefined ? undefined : Number(limitText);
  if (asked !== undefined && status === undefined)
    problems.push({ field: 'status', message: `must be one of ${statuses.join(', ')}` });
  const cursor = query['cursor'] === '' ? undefined : query['cursor'];
  const wrongCursor = cursorProblemOf(cursor);
  if (wrongCursor) problems.push(wrongCursor);
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 1 && limit <= MAX_PAGE_SIZE))
    problems.push({ field: 'limit', message: `must be a whole number from 1 to ${MAX_PAGE_SIZE}` });
  return { problems, text, cursor, status, limit };
}

/** A filter that is misspelt would find everything. */
function unknownFields(query: Query, known: readonly string[]): InputProblem[] {
  const unknown = Object.keys(query).filter((field) => !known.includes(field));
  return unknown.map((field) => ({
    field,
    message: `is no filter${didYouMean(field, known)}; known: ${known.join(', ')}`,
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
