import { option } from '@nest-resilience/core';
import { COST } from '../prices/cost.options.js';
import {
  type AnySdkModel,
  type LlmModelOptions,
  type LlmSdkEmbeddingModel,
  type LlmSdkModel,
  MODEL,
  modelName,
  modelOption,
} from './model.options.js';
import { POLICIES } from './policies.options.js';

export const LLM_PROVIDER_KINDS = ['openai', 'anthropic', 'ollama', 'openai-compatible', 'offline'] as const;

/** `ai-sdk`: a model that was handed in. */
export type LlmProviderKind = (typeof LLM_PROVIDER_KINDS)[number] | 'ai-sdk';

const KINDS = option.oneOf(undefined, LLM_PROVIDER_KINDS).allowed;

const LIMITS = option.options({
  requestsPerMinute: option.whole(undefined, { min: 1 }),
  tokensPerMinute: option.number(undefined, { min: 1 }),
  /** How long a call waits for room when no other model has any; `offline` never stands in for it. @default '5m' */
  maxWait: option.duration(300_000),
});

/** What the provider allows per minute. Kept in this process, unless `LLM_SHARED_LIMITS` is provided: give each replica its share. */
export interface LlmLimits extends option.OptionsOf<typeof LIMITS.spec> {}

/** Where a provider is and how it is asked. */
const ACCESS = {
  ...POLICIES,
  /** Unique, without `:`; part of the circuits' names. */
  name: option.required(option.text(), 'a name of its own'),
  /** Required for a `model` that is a name. */
  kind: option.oneOf(undefined, LLM_PROVIDER_KINDS),
  /** Must be given for `openai-compatible`; the others know their own. */
  baseURL: option.custom<string, string>(
    (value, at) =>
      typeof value === 'string' && /^https?:\/\/[^/]/.test(value)
        ? value
        : at.refuse(value, "a URL such as 'https://host/v1'"),
    // A file may have it from the environment.
    { schema: { type: 'string' } },
  ),
  /**
   * `openai` and `anthropic` look into `OPENAI_API_KEY` and `ANTHROPIC_API_KEY` when it is not given. Of several keys the next one serves
   * when one is refused (401, 403, a quota, a rate limit), which is left alone for its `cooldown` then.
   */
  apiKey: option.custom<string | readonly string[], readonly string[]>(readKeys, {
    schema: { anyOf: [{ type: 'string' }, { type: 'array', minItems: 1, items: { type: 'string' } }] },
  }),
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
    >(readModels, {
      fallback: [],
      schema: { type: 'array', items: { anyOf: [{ type: 'string', minLength: 1 }, MODEL.schema] } },
    }),
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
