import { type CircuitBreakerOptions, option, type RetryOptions } from '@nest-resilience/core';
import type { LlmAnswerStore } from './cache/answer-store.js';
import { GUARDS } from './guard/guard.options.js';

export const LLM_PROVIDER_KINDS = ['openai', 'anthropic', 'ollama', 'openai-compatible', 'offline'] as const;

export type LlmProviderKind = (typeof LLM_PROVIDER_KINDS)[number];

const PROVIDERS = "a list with at least one provider, e.g. { name: 'offline', kind: 'offline', model: 'extractive' }";

const price = option.required(option.number(undefined, { min: 0 }), 'US dollars per million tokens');
const furtherPrice = option.number(undefined, { min: 0 });
const COST = option.options({
  inputPerMillion: price,
  outputPerMillion: price,
  /** Of input that the provider had in its cache. @default `inputPerMillion` */
  cachedInputPerMillion: furtherPrice,
  /** Of input that it put there. @default `inputPerMillion` */
  cacheWritePerMillion: furtherPrice,
  /** Of thoughts. @default `outputPerMillion` */
  reasoningPerMillion: furtherPrice,
});

/** US dollars per million tokens. */
export interface LlmCost extends option.OptionsOf<typeof COST.spec> {}

function readPrices(value: unknown, at: option.Place): Readonly<Record<string, LlmCost>> | false | undefined {
  if (value === false) return false;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return at.refuse(
      value,
      "false, or prices by model, e.g. { 'my-model': { inputPerMillion: 1, outputPerMillion: 2 } }",
    );
  return Object.fromEntries(
    Object.entries(value).flatMap(([model, cost]) => {
      const read = COST.read(cost as LlmCost, at.at(model));
      return read ? [[model, read] as const] : [];
    }),
  );
}

const LIMITS = option.options({
  requestsPerMinute: option.whole(undefined, { min: 1 }),
  tokensPerMinute: option.number(undefined, { min: 1 }),
});

/** What the provider allows per minute. Kept in this process: give each replica its share. */
export interface LlmLimits extends option.OptionsOf<typeof LIMITS.spec> {}

const limit = option.duration(undefined, { min: 1 });
/** Without defaults: a layer of them lies over another one, see `layTimeouts`. */
const TIMEOUTS = option.options(
  {
    /** One attempt. @default '30s' */
    each: limit,
    /** 2 makes the attempts wait 30, 60, 120 s. @default 1 */
    growth: option.number(undefined, { min: 1 }),
    /** Cap of a grown timeout. */
    max: limit,
    /** All attempts at one target together, waits included; each round of healing starts anew. Not for streams. None by default. */
    total: limit,
    /** Streams: until the first token. @default `each` */
    firstToken: limit,
    /** Streams: between two tokens. @default '30s' */
    idle: limit,
  },
  { shorthand: 'each' },
);

export interface LlmTimeoutOptions extends option.OptionsOf<typeof TIMEOUTS.spec> {}

const MODEL = option.options({
  model: option.required(option.text(), "the model's name, e.g. 'gpt-4o-mini'"),
  cost: option.orNone(COST),
  /** 0..1, your own judgement; only reported with the answers. */
  quality: option.number(undefined, { min: 0, max: 1 }),
  /** Tokens the model can read; a text too long for one target goes on only to a larger one. */
  contextWindow: option.whole(undefined, { min: 1 }),
});

/** A further model of the same provider. */
export interface LlmModelOptions extends option.OptionsOf<typeof MODEL.spec> {}

const POLICIES = {
  timeout: option.orNone(TIMEOUTS),
  /** Over {@link DEFAULT_LLM_OPTIONS}; `false`: no retries. */
  retry: option.anything<RetryOptions | false>(),
  /** Over {@link DEFAULT_LLM_OPTIONS}; the name is always `llm:<provider>:<model>`. */
  circuitBreaker: option.anything<Omit<CircuitBreakerOptions, 'name' | 'key'>>(),
  /**
   * A larger answer is cut off and counts as a failure of its target: a body, or the text of a stream. A single event of a stream
   * may have an eighth of it. An error's body must fit too, or nobody could say what was wrong. @default 8 MiB
   */
  maxAnswerBytes: option.whole(undefined, { min: 1024 }),
};

/** Policies of each target; the module's are the defaults of every provider's. */
export interface LlmPolicyOptions extends option.OptionsOf<typeof POLICIES> {}

export const PROVIDER = option.options(
  {
    ...POLICIES,
    ...MODEL.spec,
    /** Unique, without `:`; part of the circuits' names. */
    name: option.required(option.text(), 'a name of its own'),
    kind: option.required(option.oneOf(undefined, LLM_PROVIDER_KINDS)),
    /** Must be given for `openai-compatible`; the others know their own. */
    baseURL: option.custom<string, string>((value, at) =>
      typeof value === 'string' && /^https?:\/\/[^/]/.test(value)
        ? value
        : at.refuse(value, "a URL such as 'https://host/v1'"),
    ),
    /** `openai` and `anthropic` look into `OPENAI_API_KEY` and `ANTHROPIC_API_KEY` when it is not given. */
    apiKey: option.custom<string, string>((value, at) =>
      // Whatever it is, it was meant to be a secret: not into the message.
      option.isText(value) ? value : at.refuse(value === '' ? '' : typeof value, 'a string that is not empty'),
    ),
    /** Lower is asked first; equal ones in written order. @default 0, for `offline` last of all */
    priority: option.number(),
    /** Further models of this provider, each a target of its own, asked after `model`. */
    models: option.custom<readonly (string | LlmModelOptions)[], readonly option.ResolvedOf<typeof MODEL.spec>[]>(
      readModels,
      { fallback: [] },
    ),
    limits: option.orNone(LIMITS),
    /**
     * How a schema reaches the model: as `json_schema`, as plain JSON mode, or only described in the prompt (it always is in the last two).
     * @default 'json-schema'
     */
    structuredOutput: option.oneOf('json-schema', ['json-schema', 'json-mode', 'prompt']),
  },
  {
    check: ({ resolved: { name, kind, model, models, baseURL }, given, at }) => {
      if (name?.includes(':')) at.at('name').refuse(name, "a name without ':' (it separates provider and model)");
      if (kind === 'openai-compatible' && given.baseURL === undefined)
        at.at('baseURL').refuse(
          baseURL,
          "the server's base URL such as 'http://localhost:8000/v1' (required for kind 'openai-compatible')",
        );
      const all = [model, ...models.map((one) => one.model)];
      for (const again of all.filter((one, index) => all.indexOf(one) !== index))
        at.at('models').refuse(again, 'each model once');
    },
  },
);

function readModels(value: unknown, at: option.Place) {
  if (!Array.isArray(value))
    return at.refuse(value, 'a list of names, or of { model, cost?, quality?, contextWindow? }');
  return value.flatMap((entry: unknown, index) =>
    option.isText(entry) ? { ...MODEL.fallback, model: entry } : (MODEL.read(entry, at.item(index)) ?? []),
  );
}

export interface LlmProviderOptions extends option.OptionsOf<typeof PROVIDER.spec> {}

const HEALTH = option.options({
  /** @default true */
  enabled: option.flag(true),
  /** @default '5m' */
  interval: option.duration(300_000, { min: 1000 }),
  /** Share of the interval by which each run is moved, so that replicas do not ask together. @default 0.1 */
  jitter: option.number(0.1, { min: 0, max: 1 }),
  /** Of one provider's check. @default '10s' */
  timeout: option.duration(10_000, { min: 1 }),
  /** Whether the indicator may say `down` (when no provider is usable). @default false */
  critical: option.flag(false),
  /**
   * US dollars that all checks of this process together may cost within any 24 hours, by the `cost` of the providers and what
   * they counted. Listing models is free and goes on; a provider without `cost` is not held back, because nobody knows. 0: no
   * check that asks for a token, except where the `cost` is 0. Ten cents: a day of one-token checks of a model at 15 and 75
   * dollars per million tokens costs less. @default 0.1
   */
  maxCostPerDay: option.number(0.1, { min: 0 }),
});

export interface LlmHealthOptions extends option.OptionsOf<typeof HEALTH.spec> {}

const CACHE = option.options(
  {
    /** How long an answer answers equal requests. */
    ttl: option.required(option.duration(undefined, { min: 1 }), "how long an answer is kept, e.g. '10m'"),
    /** Answers kept in this process; the one that was used longest ago is forgotten beyond. @default 1000 */
    maxEntries: option.whole(1000, { min: 1 }),
    /** Where else answers are kept. Other processes find them there. */
    store: option.withMethods<LlmAnswerStore>('get', 'set'),
  },
  { shorthand: 'ttl' },
);

export interface LlmCacheOptions extends option.OptionsOf<typeof CACHE.spec> {}

export const LLM_MODULE = option.options(
  {
    ...POLICIES,
    providers: option.required(
      option.custom<readonly LlmProviderOptions[], readonly LlmProviderOptions[]>((value, at) =>
        Array.isArray(value) && value.length > 0 ? (value as LlmProviderOptions[]) : at.refuse(value, PROVIDERS),
      ),
      PROVIDERS,
    ),
    /** How often an invalid answer is asked for again, per target. @default 2 */
    heals: option.whole(2, { min: 0 }),
    /**
     * What models cost that have no `cost` of their own, by `provider:model` or model; a `*` at the end stands for any rest. They go before
     * the list prices of OpenAI's and Anthropic's models (see `PRICE_TABLE`). `false`: only `cost` counts.
     */
    prices: option.custom<Readonly<Record<string, LlmCost>> | false, Readonly<Record<string, LlmCost>> | false>(
      readPrices,
    ),
    /** Answers a request like an equal one before; a duration is short for `{ ttl }`. Off by default. */
    cache: option.orNone(CACHE),
    /** Read texts before they are sent and before they are handed out. None by default. */
    guards: option.orNone(GUARDS),
    health: HEALTH,
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
  maxAnswerBytes: 8_388_608,
} as const;
