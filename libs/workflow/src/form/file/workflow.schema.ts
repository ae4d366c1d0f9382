import { option } from '@nest-resilience/core';
import type { JsonSchema } from '../../graph/draft.js';
import { HTTP_METHODS } from '../../graph/http-action.js';
import { HEAL } from '../../graph/heal.js';
import { POLICY_SCHEMAS, type PolicySchemas } from './policy.schema.js';

const closed = { type: 'object', additionalProperties: false };
const names = { type: ['string', 'array'], items: { type: 'string' }, description: 'One name or a list of names.' };
const jsonSchema = { type: 'object', description: 'A JSON Schema (2020-12).' };
const text = (limits: object) => ({
  type: ['string', 'object'],
  ...limits,
  ...{ required: ['file'], properties: { file: { type: 'string', minLength: 1 } }, additionalProperties: false },
  description: 'A text, or { file } with the path of one below the directory of this file.',
});
const llm = {
  ...closed,
  description: 'Calls a language model. Texts are templates with {{ expression }} holes.',
  properties: {
    prompt: text({ minLength: 1 }),
    system: text({}),
    messages: {
      type: 'array',
      minItems: 1,
      items: {
        ...closed,
        required: ['role', 'content'],
        properties: { role: { enum: ['system', 'user', 'assistant'] }, content: { type: 'string' } },
      },
    },
    schema: { ...jsonSchema, description: "JSON Schema of the answer; the node's result is then the object." },
    model: { type: 'string', minLength: 1 },
    degraded: {
      enum: ['accept', 'refuse'],
      description:
        "Whether text processing may answer when no model can. By default 'refuse' where there is a schema, else 'accept'.",
    },
    minQuality: {
      type: 'number',
      minimum: 0,
      maximum: 1,
      description: "The lowest 'quality' of a target that may answer.",
    },
  },
};

const http = {
  ...closed,
  description:
    'Makes a request. Texts are templates; holes in the URL are percent-encoded. The result is { status, headers, body }.',
  required: ['url'],
  properties: {
    url: { type: 'string', minLength: 1, maxLength: 8000 },
    method: { enum: HTTP_METHODS },
    headers: { type: 'object', additionalProperties: { type: 'string' } },
    query: { type: 'object', description: 'Appended to the URL; values as in "input".' },
    body: { description: 'A text is sent as it is, anything else as JSON; values as in "input".' },
    accept: {
      type: 'array',
      items: { type: 'integer', minimum: 400, maximum: 599 },
      description: 'Statuses of 400 and above that are an answer like any other.',
    },
    maxBytes: { type: 'integer', minimum: 1 },
  },
};

/** What a node (or each item of a node) can do. */
const actions = {
  llm,
  http,
  call: {
    type: 'string',
    minLength: 1,
    description: "'Class.method' of a provider, or the name of a registered handler.",
  },
  transform: { description: 'A JSONata expression, or an object of expressions.', type: ['string', 'object', 'array'] },
  constant: { description: 'A fixed result.' },
};

const nodeSchema = (policies: PolicySchemas): JsonSchema => ({
  ...closed,
  properties: {
    description: { type: 'string' },
    after: { ...names, description: 'Nodes that must have ended first.' },
    when: { type: 'string', minLength: 1, description: 'JSONata condition; the node is skipped when it is not true.' },
    input: { description: 'What the node is given: texts that start with $ are JSONata, texts with {{ }} templates.' },
    optional: { type: 'boolean', description: 'The run goes on without the result when the node failed.' },
    fallback: {
      description: 'Nodes to run in place of this one when it failed.',
      type: ['string', 'array'],
      items: {
        type: ['string', 'object'],
        additionalProperties: false,
        required: ['node'],
        properties: { node: { type: 'string' }, priority: { type: 'number' } },
      },
    },
    deadLetter: {
      type: 'boolean',
      description: 'Keep the failure of an optional node, or of each item of a partial batch, as a dead letter.',
    },
    expect: { type: 'string', minLength: 1, description: 'JSONata condition that "result" must meet.' },
    heal: { ...HEAL.schema, description: 'Fails, is diagnosed, mended by the remedy of the issue, and runs again.' },
    ...policies,
    ...actions,
    each: {
      ...closed,
      description: 'Runs an action for each item of a list.',
      required: ['items'],
      properties: {
        items: { type: 'string', minLength: 1, description: 'JSONata expression of the list.' },
        as: { type: 'string', description: "Name of the current item in expressions, 'item' by default." },
        concurrency: { type: 'integer', minimum: 1, maximum: 1000 },
        partial: {
          type: 'boolean',
          description: 'Failed items do not fail the node: the result lists successes and failures.',
        },
        ...actions,
      },
      oneOf: ['llm', 'http', 'call', 'transform', 'constant'].map((name) => ({ required: [name] })),
    },
  },
  oneOf: ['llm', 'http', 'call', 'transform', 'constant', 'each'].map((name) => ({ required: [name] })),
});

export const workflowFileSchema = (policies: PolicySchemas): JsonSchema => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'A workflow of @nest-resilience/workflow',
  ...closed,
  required: ['name', 'nodes'],
  properties: {
    $schema: { type: 'string' },
    name: { type: 'string', pattern: '^[A-Za-z_][A-Za-z0-9_-]{0,99}$' },
    description: { type: 'string' },
    input: { ...jsonSchema, description: "JSON Schema of the run's input." },
    output: { description: "Makes the run's output; by default the results of the nodes nobody waits for." },
    deadline: option.duration().schema,
    join: { type: 'boolean', description: 'Identical submissions in flight share one execution.' },
    deadLetter: { type: 'boolean', description: 'Keep failed runs as dead letters; true by default.' },
    fallback: {
      type: 'array',
      description: 'Workflows to run with the same input when this one failed.',
      items: {
        type: ['string', 'object'],
        additionalProperties: false,
        required: ['workflow'],
        properties: { workflow: { type: 'string' }, priority: { type: 'number' } },
      },
    },
    retry: { ...policies.retry, description: 'Lets a failed run go on at its first unfinished node.' },
    circuitBreaker: { ...policies.circuitBreaker, description: 'Judges whole runs.' },
    requireHealth: {
      type: ['boolean', 'array'],
      items: { type: 'string' },
      description: 'Refuse runs while critical checks (or those named) are down, by the last health report.',
    },
    nodes: { type: 'object', minProperties: 1, additionalProperties: nodeSchema(policies) },
  },
});

/** The JSON Schema of workflow files, also published as `@nest-resilience/workflow/workflow.schema.json`. */
export const WORKFLOW_FILE_SCHEMA = workflowFileSchema(POLICY_SCHEMAS);
