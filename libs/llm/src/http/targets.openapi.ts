import type { Type } from '@nestjs/common';
import {
  type AdminAccess,
  type ControllerDescription,
  describeRoutes,
  routeProblem as problem,
  schemas,
} from '@nest-resilience/core/admin';
import { FAILURE_REASONS } from '@nest-resilience/core/kit';
import type { RecentFigures } from '../health/recent-figures.js';
import { LLM_PROVIDER_KINDS } from '../options/provider.options.js';
import type { LlmTargetView } from '../chain/target-view.js';

const { integer, list, number, object, objectOf, oneOf, text } = schemas;

const FIGURES = objectOf<RecentFigures>({
  served: integer('Answers that were taken'),
  failed: integer('Requests that failed, or brought nothing usable'),
  tokens: integer(),
  costUsd: number('US dollars, as far as prices are known'),
  wastedCostUsd: number('The part that bought nothing'),
});

const TARGET = objectOf<LlmTargetView>({
  provider: text(),
  model: text(),
  kind: oneOf([...LLM_PROVIDER_KINDS, 'ai-sdk'] as const),
  order: integer('Place in the chain, 0 the first choice'),
  health: object({
    status: oneOf(['up', 'degraded', 'down', 'unknown'] as const, 'Of its provider'),
    'reason?': oneOf(FAILURE_REASONS),
    'ageMs?': number('Of what is known'),
    'skipped?': oneOf(['cost_cap'] as const, 'Why it was not checked'),
  }),
  state: oneOf(['closed', 'half_open', 'cooling', 'down'] as const, 'As its circuit and its cooldown have it'),
  circuit: text('State of its circuit'),
  'cooldown?': object({ reason: oneOf(FAILURE_REASONS), forMs: number('How long it is left alone') }),
  room: object({ 'requests?': integer('Left this minute'), 'tokens?': integer('Left this minute') }),
  inFlight: integer('Requests on their way'),
  recent: object({ '5m': FIGURES, '1h': FIGURES, '24h': FIGURES }),
});

const ROUTES: ControllerDescription = {
  tag: 'llm',
  routes: {
    targets: {
      summary: 'Models in the order in which they are asked, and how each stands',
      responses: { 200: { description: 'Of this process', schema: list(TARGET) } },
    },
  },
};

/** Has `@nestjs/swagger` describe the route, where it is installed. */
export function describeTargets(controller: Type, admin?: AdminAccess): Promise<void> {
  const guarded: Partial<ControllerDescription> =
    admin?.by === 'token'
      ? { security: 'bearer', responses: { 401: problem('Needs the token of the application') } }
      : { responses: { 403: problem('Not for this client') } };
  return describeRoutes([[controller, { ...ROUTES, ...guarded }]]);
}
