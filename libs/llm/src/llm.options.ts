import { option } from '@nest-resilience/core';
import { BUDGETS } from './budget/budget.options.js';
import { CACHE } from './cache/cache.options.js';
import { BALANCES } from './chain/balance.js';
import { HEDGE } from './chain/hedge.options.js';
import { ENDPOINT } from './endpoint/endpoint.options.js';
import { GUARDS } from './guard/guard.options.js';
import { HEALTH } from './health/health.options.js';
import { FALL_THROUGH, POLICIES } from './options/policies.options.js';
import { EMBEDDING, type LlmEmbeddingOptions, type LlmProviderOptions, PROVIDER } from './options/provider.options.js';
import { COST, type LlmCost, readPrices } from './prices/cost.options.js';

const EMBEDDINGS = "a list of targets, e.g. { name: 'openai', kind: 'openai', model: 'text-embedding-3-small' }";
const PROVIDERS = "a list with at least one provider, e.g. { name: 'offline', kind: 'offline', model: 'extractive' }";

export const LLM_MODULE = option.options(
  {
    ...POLICIES,
    providers: option.required(
      option.custom<readonly LlmProviderOptions[], readonly LlmProviderOptions[]>(
        (value, at) =>
          Array.isArray(value) && value.length > 0 ? (value as LlmProviderOptions[]) : at.refuse(value, PROVIDERS),
        { schema: { type: 'array', minItems: 1, items: PROVIDER.schema } },
      ),
      PROVIDERS,
    ),
    /** Who makes vectors, for {@link LlmService.embedding}; each is a target of its own. */
    embeddings: option.custom<readonly LlmEmbeddingOptions[], readonly LlmEmbeddingOptions[]>(
      (value, at) => (Array.isArray(value) ? (value as LlmEmbeddingOptions[]) : at.refuse(value, EMBEDDINGS)),
      { fallback: [], schema: { type: 'array', items: EMBEDDING.schema } },
    ),
    /**
     * Who of several targets of equal priority is asked first: as written; by chance and `weight`; who has the fewest calls; who was the
     * quickest lately (first token, or whole answer); who costs least by the estimate, an unknown price last. @default 'order'
     */
    balance: option.oneOf('order', BALANCES),
    /** Asks the next target beside one that has not answered for so long; the first good answer counts. Off by default. */
    hedge: option.orNone(HEDGE),
    /** How often an invalid answer is asked for again, per target. @default 2 */
    heals: option.whole(2, { min: 0 }),
    /**
     * What models cost that have no `cost` of their own, by `provider:model` or model; a `*` at the end stands for any rest. They go before
     * the list prices of OpenAI's and Anthropic's models (see `PRICE_TABLE`). `false`: only `cost` counts.
     */
    prices: option.custom<Readonly<Record<string, LlmCost>> | false, Readonly<Record<string, LlmCost>> | false>(
      readPrices,
      { schema: { anyOf: [{ const: false }, { type: 'object', additionalProperties: COST.schema }] } },
    ),
    /** What a content filter that refuses the text comes to; the next vendor's may see it otherwise. @default 'throw' */
    onContentPolicy: option.oneOf('throw', ['throw', 'next']),
    /** Reasons for which the next target is asked, or is not, other than by default: for all of them but `content_policy` and the caller's abort. */
    fallThrough: option.orNone(FALL_THROUGH),
    ...BUDGETS,
    /** Answers a request like an equal one before; a duration is short for `{ ttl }`. Off by default. */
    cache: option.orNone(CACHE),
    /** Read texts before they are sent and before they are handed out. None by default. */
    guards: option.orNone(GUARDS),
    health: HEALTH,
    /** The chain over HTTP for every client of OpenAI's make. None by default. */
    endpoint: option.orNone(ENDPOINT),
  },
  {
    check: ({ resolved: { providers = [] }, at }) => {
      const names = providers.map((provider: LlmProviderOptions | undefined) => provider?.name);
      for (const [index, name] of names.entries()) {
        const first = names.indexOf(name);
        if (name === undefined || first === index) continue;
        const place = at.at('providers').item(index).at('name');
        place.refuse(name, `a name of its own (providers[${first}] has it already)`);
      }
    },
  },
);

export interface LlmModuleOptions extends option.OptionsOf<typeof LLM_MODULE.spec> {}

/** Tuned for calls that are few, slow and paid for; every number can be changed per module and per provider. */
export const DEFAULT_LLM_OPTIONS = {
  ...LLM_MODULE.default,
  timeout: { each: 30_000, growth: 1, idle: 30_000 },
  /** A hint above the cap means "go to the next provider", which beats waiting for this one. */
  retry: {
    maxRetries: 2,
    strategy: 'exponential',
    baseDelay: 500,
    maxDelay: 8_000,
    jitter: 'full',
    retryAfterCap: 20_000,
  },
  /** Five minutes: old failures must not open a circuit that sees ten calls an hour. */
  circuitBreaker: {
    window: { type: 'time', duration: 300_000 },
    minimumCalls: 5,
    failureRate: 0.5,
    recoveryTimeout: 60_000,
  },
  cooldown: { rate_limit: 5_000, quota: 300_000, auth: 300_000, not_found: 300_000 },
  maxAnswerBytes: 8_388_608,
} as const;
