import { ResilienceOptionsError } from '../engine/errors.js';
import { OptionsReader } from '../engine/options.js';
import { typedQuery } from '../nest/openapi/read-request.js';
import { DEFAULT_EVENT_QUERY, EVENT_QUERY, MAX_EVENT_LIMIT } from './event.openapi.js';
import type { EventFilter } from './event-log.js';

/** What `GET /resilience/events` may be asked. */
export interface EventQuery {
  readonly filter: EventFilter;
  readonly limit: number;
  readonly follow: boolean;
}

/** @throws ResilienceOptionsError with every problem of the query at once */
export function readEventQuery(query: Readonly<Record<string, unknown>>): EventQuery {
  const reader = new OptionsReader<Record<string, unknown>>(
    typedQuery(EVENT_QUERY, query),
    'query',
    Object.keys(EVENT_QUERY),
  );
  const name = reader.string('name', undefined);
  const types = reader
    .string('type', undefined)
    ?.split(',')
    .map((type) => type.trim())
    .filter(Boolean);
  const limit = reader.number('limit', DEFAULT_EVENT_QUERY.limit, { min: 1, max: MAX_EVENT_LIMIT, integer: true });
  const follow = reader.boolean('follow', DEFAULT_EVENT_QUERY.follow);
  reader.finish();
  return { filter: { name, types }, limit, follow };
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
