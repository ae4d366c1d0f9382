import { type ControllerDescription, problem } from '../nest/openapi/describe-routes.js';
import { dictionary, integer, list, object, text } from '../nest/openapi/schema.js';
import { DEFAULT_EVENT_QUERY, MAX_EVENT_LIMIT } from './event.query.js';

export const EVENTS: ControllerDescription = {
  tag: 'resilience',
  routes: {
    events: {
      summary: 'What happened last',
      description: 'With follow=true the answer is text/event-stream: what is kept, then what comes.',
      query: {
        name: text('Policy, circuit, dead-lettered method or provider; of a keyed circuit, all of its keys'),
        type: text(
          'Whole types or their beginnings, with commas between: resilience.circuit,resilience.retry.exhausted',
        ),
        limit: { type: 'integer', minimum: 1, maximum: MAX_EVENT_LIMIT, default: DEFAULT_EVENT_QUERY.limit },
        follow: { type: 'boolean', default: DEFAULT_EVENT_QUERY.follow },
      },
      headers: { 'Last-Event-ID': text('Go on after this one, with follow=true') },
      responses: {
        200: {
          description: 'Oldest first',
          schema: list(
            object({
              id: integer('Counted from 1 in this process'),
              at: integer('Epoch milliseconds'),
              type: text('e.g. resilience.circuit.opened'),
              name: text('Whom it is about'),
              details: dictionary(true, 'The payload; errors as name, message and code'),
            }),
          ),
        },
        400: problem('The query cannot be; every problem is named'),
      },
    },
  },
};
