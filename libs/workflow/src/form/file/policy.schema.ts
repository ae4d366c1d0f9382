import { policySchemas } from '@nest-resilience/core';
import { ERROR_OPTIONS, NODE_POLICIES } from '../../graph/policies.js';

const words = {
  type: ['string', 'array'],
  items: { type: 'string' },
  description:
    "Reasons or kinds of the classifier, or names or codes of errors: 'rate_limit', 'transient', 'TypeError'.",
};
const key = { type: 'string', minLength: 1, description: 'JSONata expression; by default all that the node sees.' };
const perKey = { ...key, description: 'One of its own per value of this expression; by default one for all.' };

/** The policies of a node as a file can write them: for editors, since compiling a node checks them, and says more. */
export const POLICY_SCHEMAS = policySchemas((kind) => ({
  ...Object.fromEntries(ERROR_OPTIONS.map((name) => [name, words])),
  key: kind === 'cache' || kind === 'coalesce' ? key : perKey,
}));

export type PolicySchemas = typeof POLICY_SCHEMAS;

export const ANY_POLICIES = Object.fromEntries(NODE_POLICIES.map((kind) => [kind, {}])) as unknown as PolicySchemas;
