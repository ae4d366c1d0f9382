import { neverShow, option } from '@nest-resilience/core';
import { BUDGET } from '../budget/budget.options.js';

const KEY = option.options(
  {
    /** What clients send as `Authorization: Bearer <token>`. Give this or `sha256`. */
    token: option.custom<string, string>(
      (value, at) =>
        // Whatever it is, it was meant to be a secret: not into the message.
        typeof value === 'string' && value.length >= 16
          ? value
          : at.refuse(typeof value, 'a string of at least 16 characters'),
      { schema: { type: 'string' } },
    ),
    /** The SHA-256 of the token, as 64 hex digits, where the token itself is not to stand in the configuration. */
    sha256: option.custom<string, string>(
      (value, at) =>
        typeof value === 'string' && /^[0-9a-f]{64}$/i.test(value)
          ? value.toLowerCase()
          : at.refuse(typeof value, '64 hex digits'),
      { schema: { type: 'string' } },
    ),
    /** Names of what the team may ask for: providers, `provider:model` or models. Only these serve it, also as fallbacks. All by default. */
    models: option.custom<readonly string[], readonly string[]>(
      (value, at) =>
        Array.isArray(value) && value.length > 0 && value.every(option.isText)
          ? value
          : at.refuse(value, 'a list of names'),
      { schema: { type: 'array', minItems: 1, items: { type: 'string', minLength: 1 } } },
    ),
    limits: option.orNone(
      option.options({
        requestsPerMinute: option.whole(undefined, { min: 1 }),
        tokensPerMinute: option.number(undefined, { min: 1 }),
      }),
    ),
    /** What the team may spend: the same as one of `budgets` under its name. */
    budget: option.orNone(BUDGET),
  },
  {
    check: ({ given, at }) => {
      if ((given.token === undefined) === (given.sha256 === undefined))
        at.at('token').refuse(typeof given.token, "either 'token' or 'sha256'");
    },
  },
);

/** One team that may use the endpoint. */
export interface LlmEndpointKey extends option.OptionsOf<typeof KEY.spec> {}
export type ResolvedKey = option.OutOf<typeof KEY>;

const KEYS = 'keys by the name of a team, e.g. { search: { token: env.SEARCH_TOKEN } }';

export const ENDPOINT = option.options({
  /** Where the routes are: `v1` makes `POST /v1/chat/completions`. @default 'v1' */
  path: option.custom<string, string, 'v1'>(
    (value, at) =>
      typeof value === 'string' && /^[\w/-]+$/.test(value) ? value : at.refuse(value, "a path such as 'v1'"),
    { fallback: 'v1', default: 'v1', schema: { type: 'string', pattern: '^[\\w/-]+$' } },
  ),
  /** Who may use it, by the name of the team. Nobody else may. */
  keys: option.required(
    option.custom<Readonly<Record<string, LlmEndpointKey>>, ReadonlyMap<string, ResolvedKey>>(readKeys, {
      fallback: new Map(),
      ...(KEY.schema && { schema: { type: 'object', minProperties: 1, additionalProperties: KEY.schema } }),
    }),
    KEYS,
  ),
  /** A larger body is refused before it is read. @default 20 MiB */
  maxBodyBytes: option.whole(20_971_520, { min: 1024 }),
});

function readKeys(value: unknown, at: option.Place): ReadonlyMap<string, ResolvedKey> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || Object.keys(value).length === 0)
    return at.refuse(typeof value, KEYS);
  const keys = new Map<string, ResolvedKey>();
  for (const [team, given] of Object.entries(value)) {
    const key = KEY.read(given, at.at(team));
    if (key?.token !== undefined) neverShow(key.token);
    if (key !== undefined) keys.set(team, key);
  }
  return keys;
}

/** The chain over HTTP, in OpenAI's words. */
export interface LlmEndpointOptions extends option.OptionsOf<typeof ENDPOINT.spec> {}
/** What holds where `endpoint` says nothing. */
export const DEFAULT_LLM_ENDPOINT_OPTIONS = ENDPOINT.default;
export type ResolvedEndpoint = option.OutOf<typeof ENDPOINT>;

type Named = { readonly name: string; readonly model: string };

/** Whether a team that may ask these may ask a target. */
export function isOf({ name, model }: Named, names: readonly string[] | undefined): boolean {
  return names === undefined || [name, model, `${name}:${model}`].some((one) => names.includes(one));
}

export function refuseUnknownModels(
  {
    endpoint,
    targets,
    embeddings,
  }: {
    readonly endpoint: ResolvedEndpoint | undefined;
    readonly targets: readonly Named[];
    readonly embeddings: readonly Named[];
  },
  at: option.Place,
): void {
  const keys = at.at('endpoint').at('keys');
  for (const [team, { models = [] }] of endpoint?.keys ?? [])
    for (const name of models)
      if (![...targets, ...embeddings].some((target) => isOf(target, [name])))
        keys.at(team).at('models').refuse(name, 'the name of a provider, of its model, or provider:model');
}
