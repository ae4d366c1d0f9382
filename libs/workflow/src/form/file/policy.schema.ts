import { type option, policySchema } from '@nest-resilience/core';
import { ERROR_OPTIONS, NODE_POLICIES } from '../../graph/policies.js';

const words = {
  type: ['string', 'array'],
  items: { type: 'string' },
  description:
    "Reasons or kinds of the classifier, or names or codes of errors: 'rate_limit', 'transient', 'TypeError'.",
};
const key = { type: 'string', minLength: 1, description: 'JSONata expression; by default all that the node sees.' };
const perKey = { ...key, description: 'One of its own per value of this expression; by default one for all.' };

const DESCRIPTIONS = {
  retry: 'Retries after the first call, or options of @Retry.',
  circuitBreaker: 'Options of @CircuitBreaker.',
  timeout: 'For each attempt, or options of @Timeout.',
  rateLimit: 'Options of @RateLimit.',
  bulkhead: 'Attempts at once, or options of @Bulkhead.',
  hedge: 'The delay before a second attempt joins, or options of @Hedge.',
  cache: 'How long a result serves again, or options of @Cache.',
  coalesce: 'Equal calls at the same time share one; true, or options of @Coalesce.',
} as const satisfies Record<(typeof NODE_POLICIES)[number], string>;

export type PolicySchemas = Readonly<Record<(typeof NODE_POLICIES)[number], option.JsonSchema>>;

/** The policies of a node as a file can write them: for editors, since compiling a node checks them, and says more. */
export const POLICY_SCHEMAS = Object.fromEntries(
  NODE_POLICIES.map((kind) => {
    const errors = ERROR_OPTIONS.map((name) => [name, words] as const);
    const instead = { ...Object.fromEntries(errors), key: kind === 'cache' || kind === 'coalesce' ? key : perKey };
    return [kind, { description: DESCRIPTIONS[kind], ...policySchema(kind, instead) }];
  }),
) as unknown as PolicySchemas;

export const ANY_POLICIES = Object.fromEntries(NODE_POLICIES.map((kind) => [kind, {}])) as unknown as PolicySchemas;
