import type { DeadLetterFilter } from '../dead-letter/store/dead-letter.store.js';
import { readBody, typedQuery } from '../nest/openapi/read-request.js';
import { FILTER, PAGE, PURGE, REDRIVE } from './dead-letter.openapi.js';

/** A query string as what `DeadLetterService` takes. What cannot be read stays as it is: the service names it with its value. */
export function fromQueryString(query: Record<string, unknown>): Record<string, unknown> {
  const typed = typedQuery({ ...FILTER, ...PAGE }, query);
  const { status } = typed;
  return typeof status === 'string' && status.includes(',') ? { ...typed, status: status.split(',') } : typed;
}

/** The body of a batch redrive: a filter and how to go about it. */
export function fromRedriveBody(body: unknown) {
  const { filter = {}, ...options } = readBody(REDRIVE, body);
  return { filter: fromQueryString(filter), options };
}

export function fromPurgeBody(body: unknown): DeadLetterFilter {
  return fromQueryString(readBody(PURGE, body).filter);
}
