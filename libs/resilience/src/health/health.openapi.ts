import type { ControllerDescription, RouteDescription } from '../nest/openapi/describe-routes.js';
import { anyObject, dictionary, object, oneOf, type Schema, text } from '../nest/openapi/schema.js';

const CHECKS = dictionary(anyObject(), 'By the name of the check');

const answer = (status: Schema): Schema => object({ status, 'info?': CHECKS, 'error?': CHECKS, details: CHECKS });

const probe = (summary: string, failures: RouteDescription['responses'] = {}): RouteDescription => ({
  summary,
  description: 'Runs no check: it reads what the last runs found.',
  responses: {
    200: { description: 'Yes', schema: answer(oneOf(['ok', 'degraded'])) },
    ...failures,
  },
});

const down = (description: string): RouteDescription['responses'] => ({
  503: { description, schema: answer(oneOf(['error', 'shutting_down'])) },
});

export const HEALTH: ControllerDescription = {
  tag: 'health',
  routes: {
    live: probe('Whether the process answers'),
    ready: {
      ...probe('Whether to send requests', down('A critical check is down, or the process shuts down')),
      query: { exclude: text('Names of checks that do not count, with commas between them') },
    },
    startup: probe('Whether the start is over', down('A critical check has not passed yet')),
  },
};
