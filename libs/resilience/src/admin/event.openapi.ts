import type { ControllerDescription } from '../nest/openapi/describe-routes.js';
import { problem } from '../nest/openapi/problem.schema.js';
import { anyObject, flag, integer, list, name, object, objectOf, text } from '../nest/openapi/schema.js';
import type { LoggedEvent } from './event-log.js';

export const DEFAULT_EVENT_QUERY = { limit: 100, follow: false } as const;

/** What `GET /resilience/events` may be asked. */
export const EVENT_QUERY = object({
  'name?': name('Policy, circuit, dead-lettered method or provider; of a keyed circuit, all of its keys'),
  'type?': name('Whole types or their beginnings, with commas between: resilience.circuit,resilience.retry.exhausted'),
  'limit?': { ...integer(), minimum: 1, maximum: 1000, default: DEFAULT_EVENT_QUERY.limit },
  'follow?': { ...flag(), default: DEFAULT_EVENT_QUERY.follow },
});

export const EVENTS: ControllerDescription = {
  tag: 'resilience',
  routes: {
    events: {
      summary: 'What happened last',
      description: 'With follow=true the answer is text/event-stream: what is kept, then what comes.',
      query: EVENT_QUERY.properties,
      headers: { 'Last-Event-ID': text('Go on after this one, with follow=true') },
      responses: {
        200: {
          description: 'Oldest first',
          schema: list(
            objectOf<LoggedEvent>({
              id: integer('Counted from 1 in this process'),
              at: integer('Epoch milliseconds'),
              type: text('e.g. resilience.circuit.opened'),
              name: text('Whom it is about'),
              details: anyObject('The payload; errors as name, message and code'),
            }),
          ),
        },
        400: problem('The query cannot be; every problem is named'),
      },
    },
  },
};
