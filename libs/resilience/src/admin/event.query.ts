import { ResilienceOptionsError } from '../engine/errors.js';
import { readQuery } from '../nest/openapi/read-request.js';
import { DEFAULT_EVENT_QUERY, EVENT_QUERY } from './event.openapi.js';
import type { EventFilter } from './event-log.js';

/** What `GET /resilience/events` may be asked. */
export interface EventQuery {
  readonly filter: EventFilter;
  readonly limit: number;
  readonly follow: boolean;
}

/** @throws ResilienceOptionsError with every problem of the query at once */
export function readEventQuery(query: Readonly<Record<string, unknown>>): EventQuery {
  const { name, type, ...rest } = readQuery(EVENT_QUERY, query);
  const types = type
    ?.split(',')
    .map((one) => one.trim())
    .filter(Boolean);
  return { filter: { name, types }, ...DEFAULT_EVENT_QUERY, ...rest };
}

/**
 * The event that a client saw last; 0 for none.
 * @throws ResilienceOptionsError
 */
export function readLastEventId(given: string | undefined): number {
  if (given === undefined || given === '') return 0;
  if (/^\d{1,15}$/.test(given)) return Number(given);
  const allowed = 'the id of an event of this stream; leave it out to begin with what is kept';
  throw new ResilienceOptionsError([{ path: 'Last-Event-ID', value: given, allowed }]);
}
