import type { EmbeddingModel, LanguageModel } from 'ai';
import { type CircuitBreakerOptions, type FailureReason, option, type RetryOptions } from '@nest-resilience/core';
import { FAILURE_REASONS } from '@nest-resilience/core/kit';
import type { LlmAnswerStore } from './cache/answer-store.js';
import { BUDGETS } from './budget/budget.options.js';
import { BALANCES } from './chain/balance.js';
import { ENDPOINT } from './endpoint/endpoint.options.js';
import { GUARDS } from './guard/guard.options.js';

export const LLM_PROVIDER_KINDS = ['openai', 'anthropic', 'ollama', 'openai-compatible', 'offline'] as const;

/** `ai-sdk`: a model that was handed in. */
export type LlmProviderKind = (typeof LLM_PROVIDER_KINDS)[number] | 'ai-sdk';

/** A model as the provider packages of `ai` 6 and 7 make it: `azure('gpt-4o')`, `bedrock('...')`, `google('...')`. */
export type LlmSdkModel = Exclude<LanguageModel, string>;

/** The same for vectors: `openai.embeddingModel('text-embedding-3-small')`. */
export type LlmSdkEmbeddingModel = Exclude<EmbeddingModel, string>;

const EMBEDDINGS = "a list of targets, e.g. { name: 'openai', kind: 'openai', model: 'text-embedding-3-small' }";
const KINDS = option.oneOf(undefined, LLM_PROVIDER_KINDS).allowed;
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
  /** How long a call waits for room when no other model has any; `offline` never stands in for it. @default '5m' */
  maxWait: option.duration(300_000),
});

/** What the provider allows per minute. Kept in this process, unless `LLM_SHARED_LIMITS` is provided: give each replica its share. */
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
    /** Streams: until the first token, be it of a thought, a tool or the text. @default `each` */
    firstToken: limit,
    /** Streams: between two tokens. @default '30s' */
    idle: limit,
    /** Streams: until the first token of the text or a tool, thoughts before it included. None by default. */
    firstText: limit,
  },
  { shorthand: 'each' },
);

export interface LlmTimeoutOptions extends option.OptionsOf<typeof TIMEOUTS.spec> {}

const MODEL_ALLOWED = "the model's name, e.g. 'gpt-4o-mini', or a model of the AI SDK 6 or 7, e.g. azure('gpt-4o')";

/** A name, or an object with these methods. */
function modelOption<M extends AnySdkModel>(methods: readonly string[], allowed: string) {
  const read = (value: unknown, at: option.Place): string | M | undefined => {
    if (option.isText(value)) return value;
    const { specificationVersion: version, modelId } = Object(value) as Partial<AnySdkModel>;
    const has = (method: string) => typeof (Object(value) as Record<string, unknown>)[method] === 'function';
    const isModel = option.isText(modelId) && methods.every(has);
    if (isModel && ['v3', 'v4'].includes(String(version))) return value as M;
    return at.refuse(isModel ? `a model of specification ${version}` : value, allowed);
  };
  return option.required(option.custom<string | M, string | M>(read, { fallback: '' }), allowed);
}

type AnySdkModel = LlmSdkModel | LlmSdkEmbeddingModel;

/** Its name, whatever it was given as. */
export function modelName(model: string | AnySdkModel): string {
  return typeof model === 'string' ? model : model.modelId;
}
const period = option.duration();
const COOLDOWN = option.options({
  /** @default '5s' */
  rate_limit: period,
  /** @default '5m' */
  quota: period,
  /** @default '5m' */
  auth: period,
  /** Of a model that is gone. @default '5m' */
  not_found: period,
  /** @default none: the circuit decides */
  permission: period,
  /** @default none: the circuit decides */
  overloaded: period,
});

/** How long a target is left alone after a failure for a reason, unless it said so itself; 0: not at all. */
export interface LlmCooldownOptions extends option.OptionsOf<typeof COOLDOWN.spec> {}

const goesOn = () => option.flag(undefined);
const FALL_THROUGH = option.options(
  Object.fromEntries(FAILURE_REASONS.map((reason) => [reason, goesOn()])) as Record<
    FailureReason,
    ReturnType<typeof goesOn>
  >,
);

/** Whether the next target is asked, by the reason of a failure. */
export interface LlmFallThrough extends option.OptionsOf<typeof FALL_THROUGH.spec> {}

const MODEL = option.options({
  /** A name, or a model object of the AI SDK, which needs no `kind`. */
  model: modelOption<LlmSdkModel>(['doGenerate', 'doStream'], MODEL_ALLOWED),
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
  /** Over {@link DEFAULT_LLM_OPTIONS}, reason by reason. */
  cooldown: option.orNone(COOLDOWN),
  /**
   * A larger answer is cut off and counts as a failure of its target: a body, or the text of a stream. A single event of a stream
   * may have an eighth of it. An error's body must fit too, or nobody could say what was wrong. @default 8 MiB
   */
  maxAnswerBytes: option.whole(undefined, { min: 1024 }),
};

/** Policies of each target; the module's are the defaults of every provider's. */
export interface LlmPolicyOptions extends option.OptionsOf<typeof POLICIES> {}

/** Where a provider is and how it is asked. */
const ACCESS = {
  ...POLICIES,
  /** Unique, without `:`; part of the circuits' names. */
  name: option.required(option.text(), 'a name of its own'),
  /** Required for a `model` that is a name. */
  kind: option.oneOf(undefined, LLM_PROVIDER_KINDS),
  /** Must be given for `openai-compatible`; the others know their own. */
  baseURL: option.custom<string, string>((value, at) =>
    typeof value === 'string' && /^https?:\/\/[^/]/.test(value)
      ? value
      : at.refuse(value, "a URL such as 'https://host/v1'"),
  ),
  /**
   * `openai` and `anthropic` look into `OPENAI_API_KEY` and `ANTHROPIC_API_KEY` when it is not given. Of several keys the next one serves
   * when one is refused (401, 403, a quota, a rate limit), which is left alone for its `cooldown` then.
   */
  apiKey: option.custom<string | readonly string[], readonly string[]>(readKeys),
  /** Lower is asked first; equal ones as `balance` says. @default 0, for `offline` last of all */
  priority: option.number(),
  /** Share of the calls among targets of equal priority, unless `balance` is `order`; each model has it. 0: only when the others fail. */
  weight: option.number(1, { min: 0 }),
  limits: option.orNone(LIMITS),
};

export const PROVIDER = option.options(
  {
    ...ACCESS,
    ...MODEL.spec,
    /** Further models of this provider, each a target of its own, asked after `model`. */
    models: option.custom<
      readonly (string | LlmSdkModel | LlmModelOptions)[],
      readonly option.ResolvedOf<typeof MODEL.spec>[]
    >(readModels, { fallback: [] }),
    /**
     * How a schema reaches the model: as `json_schema`, as plain JSON mode, or only described in the prompt (it always is in the last two).
     * @default 'json-schema'
     */
    structuredOutput: option.oneOf('json-schema', ['json-schema', 'json-mode', 'prompt']),
    /**
     * Whether the model goes on with an answer that it is given the beginning of, as its own last message. Then it also takes over
     * streams that broke in the middle of their text. @default false
     */
    prefill: option.flag(false),
  },
  {
    check: ({ resolved, given, at }) => {
      const models = [resolved, ...resolved.models].map(({ model }) => model);
      checkAccess(resolved, models, given, at);
      const names = models.map(modelName);
      for (const again of names.filter((one, index) => names.indexOf(one) !== index))
        at.at('models').refuse(again, 'each model once');
    },
  },
);

/** Kinds that make vectors. */
const EMBEDDING_KINDS = ['openai', 'ollama', 'openai-compatible'] as const;

export const EMBEDDING = option.options(
  {
    ...ACCESS,
    kind: option.oneOf(undefined, EMBEDDING_KINDS),
    /** A name, or an embedding model of the AI SDK, which needs no `kind`. */
    model: modelOption<LlmSdkEmbeddingModel>(
      ['doEmbed'],
      "the model's name, e.g. 'text-embedding-3-small', or an embedding model of the AI SDK 6 or 7",
    ),
    cost: option.orNone(COST),
    /** Numbers of a vector. Without it the first answer of the process tells. All targets must have as many. */
    dimensions: option.whole(undefined, { min: 1 }),
  },
  { check: ({ resolved, given, at }) => checkAccess(resolved, [resolved.model], given, at) },
);

/** A target of {@link LlmService.embedding}. */
export interface LlmEmbeddingOptions extends option.OptionsOf<typeof EMBEDDING.spec> {}

function checkAccess(
  {
    name,
    kind,
    baseURL,
  }: { readonly name: string; readonly kind?: string | undefined; readonly baseURL?: string | undefined },
  models: readonly (string | AnySdkModel)[],
  given: { readonly kind?: unknown; readonly baseURL?: unknown },
  at: option.Place,
): void {
  if (name?.includes(':')) at.at('name').refuse(name, "a name without ':' (it separates provider and model)");
  if (kind === 'openai-compatible' && given.baseURL === undefined)
    at.at('baseURL').refuse(
      baseURL,
      "the server's base URL such as 'http://localhost:8000/v1' (required for kind 'openai-compatible')",
    );
  for (const model of models)
    if (typeof model === 'string' ? kind === undefined : kind !== undefined)
      at.at('kind').refuse(given.kind, typeof model === 'string' ? KINDS : 'nothing beside a model of the AI SDK');
}

function readKeys(value: unknown, at: option.Place): readonly string[] | undefined {
  const keys: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (keys.length > 0 && keys.every(option.isText) && new Set(keys).size === keys.length) return keys;
  // Whatever it is, it was meant to be a secret: not into the message.
  return at.refuse(value === '' ? '' : typeof value, 'a string that is not empty, or a list of such, each once');
}

function readModels(value: unknown, at: option.Place) {
  if (!Array.isArray(value))
    return at.refuse(value, 'a list of names, or of { model, cost?, quality?, contextWindow? }');
  return value.flatMap((entry: unknown, index) =>
    option.isText(entry) || 'doGenerate' in Object(entry)
      ? (MODEL.read({ model: entry }, at.item(index)) ?? [])
      : (MODEL.read(entry, at.item(index)) ?? []),
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
    /** Who makes vectors, for {@link LlmService.embedding}; each is a target of its own. */
    embeddings: option.custom<readonly LlmEmbeddingOptions[], readonly LlmEmbeddingOptions[]>(
      (value, at) => (Array.isArray(value) ? (value as LlmEmbeddingOptions[]) : at.refuse(value, EMBEDDINGS)),
      { fallback: [] },
    ),
    /**
     * Who of several targets of equal priority is asked first: as written; by chance and `weight`; who has the fewest calls; who was the
     * quickest lately (first token, or whole answer); who costs least by the estimate, an unknown price last. @default 'order'
     */
    balance: option.oneOf('order', BALANCES),
    /** How often an invalid answer is asked for again, per target. @default 2 */
    heals: option.whole(2, { min: 0 }),
    /**
     * What models cost that have no `cost` of their own, by `provider:model` or model; a `*` at the end stands for any rest. They go before
     * the list prices of OpenAI's and Anthropic's models (see `PRICE_TABLE`). `false`: only `cost` counts.
     */
    prices: option.custom<Readonly<Record<string, LlmCost>> | false, Readonly<Record<string, LlmCost>> | false>(
      readPrices,
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
