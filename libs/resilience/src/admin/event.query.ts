import { ResilienceOptionsError } from '../engine/errors.js';
import * as option from '../engine/option/index.js';
import type { EventFilter } from './event-log.js';

/** What `GET /resilience/events` may be asked. */
export interface EventQuery {
  readonly filter: EventFilter;
  readonly limit: number;
  readonly follow: boolean;
}

export const MAX_EVENT_LIMIT = 1000;

const QUERY = option.options({
  name: option.text(),
  type: option.text(),
  limit: option.whole(100, { min: 1, max: MAX_EVENT_LIMIT }),
  follow: option.flag(false),
});

export const DEFAULT_EVENT_QUERY = QUERY.default;

/** @throws ResilienceOptionsError with every problem of the query at once */
export function readEventQuery(query: Readonly<Record<string, unknown>>): EventQuery {
  const { name, type, limit, follow } = option.read(QUERY, typed(query), 'query');
  const types = type
    ?.split(',')
    .map((one) => one.trim())
    .filter(Boolean);
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
