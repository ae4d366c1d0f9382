import { ResilienceOptionsError } from '../engine/errors.js';
import { OptionsReader } from '../engine/options.js';
import type { EventFilter } from './event-log.js';

/** What `GET /resilience/events` may be asked. */
export interface EventQuery {
  readonly filter: EventFilter;
  readonly limit: number;
  readonly follow: boolean;
}

export const DEFAULT_EVENT_QUERY = { limit: 100, follow: false } as const;

export const MAX_EVENT_LIMIT = 1000;

/** @throws ResilienceOptionsError with every problem of the query at once */
export function readEventQuery(query: Readonly<Record<string, unknown>>): EventQuery {
  const reader = new OptionsReader<Record<string, unknown>>(typed(query), 'query', ['name', 'type', 'limit', 'follow']);
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

/** A query string has texts only; what is none of ours stays as it is and is named with its value. */
function typed({ limit, follow, ...rest }: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const number = typeof limit === 'string' && limit.trim() !== '' ? Number(limit) : limit;
  return {
    ...rest,
    ...(limit !== undefined && { limit: Number.isNaN(number) ? limit : number }),
    ...(follow !== undefined && { follow: follow === 'true' || (follow === 'false' ? false : follow) }),
  };
}
