/** Parts of the schema of workflow files: durations, and the options of each policy as a file can write them. */
export const duration = {
  type: ['number', 'string'],
  description: "Milliseconds, or a text such as '250ms', '30s', '5m'.",
};
const words = {
  type: ['string', 'array'],
  items: { type: 'string' },
  description:
    "Reasons or kinds of the classifier, or names or codes of errors: 'rate_limit', 'transient', 'TypeError'.",
};
const key = { type: 'string', minLength: 1, description: 'JSONata expression; by default all that the node sees.' };
export const closed = { type: 'object', additionalProperties: false };

export const retry = {
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

export const circuitBreaker = {
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
    key: { ...key, description: 'One circuit per value of this expression.' },
    maxKeys: { type: 'integer', minimum: 1 },
  },
};

export const timeout = {
  type: ['number', 'string', 'object'],
  description: 'For each attempt, or options of @Timeout.',
  additionalProperties: false,
  properties: { each: duration, total: duration, growth: { type: 'number', minimum: 1 }, max: duration },
};

export const rateLimit = {
  ...closed,
  description: 'Options of @RateLimit.',
  required: ['limit', 'interval'],
  properties: {
    name: { type: 'string', minLength: 1 },
    limit: { type: 'integer', minimum: 1 },
    interval: duration,
    maxWait: duration,
    key: { ...key, description: 'One bucket per value of this expression.' },
    maxKeys: { type: 'integer', minimum: 1 },
  },
};

export const bulkhead = {
  type: ['integer', 'object'],
  minimum: 1,
  description: 'Attempts at once, or options of @Bulkhead.',
  additionalProperties: false,
  properties: {
    name: { type: 'string', minLength: 1 },
    maxConcurrent: { type: 'integer', minimum: 1 },
    maxQueue: { type: 'integer', minimum: 0 },
    queueTimeout: duration,
  },
};

export const hedge = {
  type: ['number', 'string', 'object'],
  description: 'The delay before a second attempt joins, or options of @Hedge.',
  additionalProperties: false,
  properties: {
    delay: duration,
    percentile: { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 },
    maxHedges: { type: 'integer', minimum: 1, maximum: 10 },
  },
};

export const cache = {
  type: ['number', 'string', 'object'],
  description: 'How long a result serves again, or options of @Cache.',
  additionalProperties: false,
  required: ['ttl'],
  properties: {
    name: { type: 'string', minLength: 1 },
    ttl: duration,
    staleIfError: duration,
    staleOn: words,
    key,
    maxEntries: { type: 'integer', minimum: 1 },
  },
};

export const coalesce = {
  type: ['boolean', 'object'],
  description: 'Equal calls at the same time share one; true, or options of @Coalesce.',
  additionalProperties: false,
  properties: { key },
};
