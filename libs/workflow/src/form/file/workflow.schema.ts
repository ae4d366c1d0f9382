import type { JsonSchema } from '../../graph/draft.js';

const duration = { type: ['number', 'string'], description: "Milliseconds, or a text such as '250ms', '30s', '5m'." };
const names = { type: ['string', 'array'], items: { type: 'string' }, description: 'One name or a list of names.' };
const words = {
  type: ['string', 'array'],
  items: { type: 'string' },
  description:
    "Reasons or kinds of the classifier, or names or codes of errors: 'rate_limit', 'transient', 'TypeError'.",
};
const jsonSchema = { type: 'object', description: 'A JSON Schema (2020-12).' };
const closed = { type: 'object', additionalProperties: false };

const llm = {
  ...closed,
  description: 'Calls a language model. Texts are templates with {{ expression }} holes.',
  properties: {
    prompt: { type: 'string', minLength: 1 },
    system: { type: 'string' },
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
  },
};

/** What a node (or each item of a node) can do. */
const actions = {
  llm,
  call: {
    type: 'string',
    minLength: 1,
    description: "'Class.method' of a provider, or the name of a registered handler.",
  },
  transform: { description: 'A JSONata expression, or an object of expressions.', type: ['string', 'object', 'array'] },
  constant: { description: 'A fixed result.' },
  // A false schema is the clearest refusal a schema can make; the reader explains it.
  http: false,
};

const retry = {
  type: ['integer', 'object'],
  minimum: 0,
  description: 'Retries after the first call, or options of @Retry.',
  additionalProperties: false,
  properties: {
    maxRetries: { type: 'integer', minimum: 0 },
    strategy: { enum: ['exponential', 'linear', 'fibonacci', 'constant', 'immediate'] },
    baseDelay: duration,
    multiplier: { type: 'number', minimum: 1 },
    maxDelay: duration,
    jitter: { anyOf: [{ enum: ['full', 'equal', 'decorrelated', 'none'] }, { type: 'number', minimum: 0 }] },
    retryOn: words,
    abortOn: words,
    maxElapsed: duration,
    honorRetryAfter: { type: 'boolean' },
    retryAfterCap: duration,
    budget: {},
  },
};

const circuitBreaker = {
  ...closed,
  description: 'Options of @CircuitBreaker.',
  properties: {
    name: { type: 'string', minLength: 1 },
    window: { type: ['object', 'string'] },
    failureThreshold: { type: 'integer', minimum: 1 },
    failureRate: { type: 'number', exclusiveMinimum: 0, maximum: 1 },
    minimumCalls: { type: 'integer', minimum: 1 },
    slowCallDuration: duration,
    slowCallRate: { type: 'number', exclusiveMinimum: 0, maximum: 1 },
    recoveryTimeout: duration,
    halfOpenCalls: { type: 'integer', minimum: 1 },
    successThreshold: { type: 'integer', minimum: 1 },
    halfOpenTimeout: duration,
    recordOn: words,
    ignoreOn: words,
  },
};

const timeout = {
  type: ['number', 'string', 'object'],
  description: 'For each attempt, or options of @Timeout.',
  additionalProperties: false,
  properties: { each: duration, total: duration, growth: { type: 'number', minimum: 1 }, max: duration },
};

const node = {
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
    deadLetter: { type: 'boolean', description: 'Keep the failure of an optional node as a dead letter.' },
    retry,
    circuitBreaker,
    timeout,
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
      oneOf: ['llm', 'call', 'transform', 'constant', 'http'].map((name) => ({ required: [name] })),
    },
  },
  oneOf: ['llm', 'call', 'transform', 'constant', 'each', 'http'].map((name) => ({ required: [name] })),
};

/** The JSON Schema of workflow files, also published as `@nest-resilience/workflow/workflow.schema.json`. */
export const WORKFLOW_FILE_SCHEMA: JsonSchema = {
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
    deadline: duration,
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
    nodes: { type: 'object', minProperties: 1, additionalProperties: node },
  },
};
