import { neverShow, neverShowPasswordOf, OptionsReader } from '@nest-resilience/core';
import {
  LLM_PROVIDER_KINDS,
  type LlmCost,
  type LlmLimits,
  type LlmModelOptions,
  type LlmPolicyOptions,
  type LlmProviderKind,
  type LlmProviderOptions,
} from '../llm.options.js';
import { mergeCircuitBreaker, mergeRetry } from './merge-policies.js';
import { readTimeouts } from './read-timeouts.js';
import type { ResolvedTarget, ResolvedTimeouts } from './resolved-options.js';

const KNOWN = [
  'name', 'kind', 'model', 'baseURL', 'apiKey', 'cost', 'quality', 'priority', 'contextWindow', 'models', 'limits',
  'structuredOutput', 'timeout', 'retry', 'circuitBreaker', 'maxAnswerBytes',
] as const; // prettier-ignore

/** Where the key of a kind is looked for when the options hold none. */
const API_KEY_VARIABLES: Partial<Readonly<Record<LlmProviderKind, string>>> = {
  openai: 'OPENAI_API_KEY',
  anthropic: 'ANTHROPIC_API_KEY',
};

export interface ProviderSurroundings {
  readonly module: LlmPolicyOptions;
  readonly moduleTimeouts: ResolvedTimeouts;
  readonly maxAnswerBytes: number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

type Parent = { absorb(nested: OptionsReader<never>): void };

/** Reads one provider and makes a target of each of its models. */
export function readProvider(
  options: LlmProviderOptions,
  index: number,
  parent: Parent,
  { module, moduleTimeouts, maxAnswerBytes, env }: ProviderSurroundings,
): ResolvedTarget[] {
  const named = typeof options?.name === 'string' && options.name !== '' ? options.name : `providers[${index}]`;
  const path = `LlmModule > ${named}`;
  const reader = new OptionsReader<LlmProviderOptions>(options, path, KNOWN);
  const name = required(reader, 'name', 'a name of its own');
  if (name.includes(':')) reader.problem('name', name, "a name without ':' (it separates provider and model)");
  const kind =
    reader.raw('kind') === undefined ? missingKind(reader) : reader.oneOf('kind', 'offline', LLM_PROVIDER_KINDS);
  const model = required(reader, 'model', "the model's name, e.g. 'gpt-4o-mini'");
  const provider = {
    name,
    kind,
    priority: reader.number('priority', kind === 'offline' ? Infinity : 0, {}),
    structuredOutput: reader.oneOf('structuredOutput', 'json-schema', ['json-schema', 'json-mode', 'prompt']),
    timeouts: readTimeouts(options?.timeout, `${path} > timeout`, reader, moduleTimeouts),
    retry: mergeRetry(module.retry, options?.retry),
    circuitBreaker: mergeCircuitBreaker(module.circuitBreaker, options?.circuitBreaker),
    maxAnswerBytes: readMaxAnswerBytes(reader, maxAnswerBytes),
    ...optional('limits', readLimits(options?.limits, path, reader)),
    ...optional('baseURL', readBaseUrl(reader, kind)),
    ...optional('apiKey', readApiKey(reader, kind, env)),
  };
  const first = { model, ...readModelFacts(options, reader) };
  const further = readModels(reader, path);
  for (const entry of further.filter((one, at) =>
    [first, ...further.slice(0, at)].some((other) => other.model === one.model),
  )) {
    reader.problem('models', entry.model, 'each model once');
  }
  parent.absorb(reader);
  return [first, ...further].map((entry) => ({ ...provider, ...entry }));
}

/** An error's body must fit, or nobody could say what was wrong. */
export function readMaxAnswerBytes(reader: OptionsReader<LlmPolicyOptions>, fallback: number): number {
  return reader.number('maxAnswerBytes', fallback, { min: 1024, integer: true });
}

function readModels(
  reader: OptionsReader<LlmProviderOptions>,
  path: string,
): (Pick<ResolvedTarget, 'model'> & ModelFacts)[] {
  const models = reader.raw('models') ?? [];
  if (!Array.isArray(models)) {
    reader.problem('models', models, 'a list of names, or of { model, cost?, quality?, contextWindow? }');
    return [];
  }
  return models.map((entry: unknown, index) => {
    if (typeof entry === 'string' && entry !== '') return { model: entry };
    const nested = new OptionsReader<LlmModelOptions>(entry as LlmModelOptions, `${path} > models[${index}]`, [
      'model',
      'cost',
      'quality',
      'contextWindow',
    ]);
    const facts = {
      model: required(nested, 'model', "the model's name"),
      ...readModelFacts(entry as LlmModelOptions, nested),
    };
    reader.absorb(nested);
    return facts;
  });
}

type ModelFacts = Pick<ResolvedTarget, 'cost' | 'quality' | 'contextWindow'>;

function readModelFacts(options: LlmModelOptions | undefined, reader: OptionsReader<LlmModelOptions>): ModelFacts {
  return {
    ...optional('cost', readCost(options?.cost, reader)),
    ...optional('quality', reader.number('quality', undefined, { min: 0, max: 1 })),
    ...optional('contextWindow', reader.number('contextWindow', undefined, { min: 1, integer: true })),
  };
}

function readCost(cost: LlmCost | undefined, parent: OptionsReader<LlmModelOptions>): LlmCost | undefined {
  if (cost === undefined) return undefined;
  const reader = new OptionsReader<LlmCost>(cost, `${parent.path} > cost`, ['inputPerMillion', 'outputPerMillion']);
  const read = (key: keyof LlmCost) => {
    if (reader.raw(key) === undefined) reader.problem(key, undefined, 'US dollars per million tokens');
    return reader.number(key, 0, { min: 0 });
  };
  const resolved = { inputPerMillion: read('inputPerMillion'), outputPerMillion: read('outputPerMillion') };
  parent.absorb(reader);
  return resolved;
}

function readLimits(limits: LlmLimits | undefined, path: string, parent: Parent): LlmLimits | undefined {
  if (limits === undefined) return undefined;
  const reader = new OptionsReader<LlmLimits>(limits, `${path} > limits`, ['requestsPerMinute', 'tokensPerMinute']);
  const resolved = {
    ...optional('requestsPerMinute', reader.number('requestsPerMinute', undefined, { min: 1, integer: true })),
    ...optional('tokensPerMinute', reader.number('tokensPerMinute', undefined, { min: 1 })),
  };
  parent.absorb(reader);
  return resolved;
}

function readBaseUrl(reader: OptionsReader<LlmProviderOptions>, kind: LlmProviderKind): string | undefined {
  const baseURL = reader.string('baseURL', undefined);
  if (baseURL !== undefined && !/^https?:\/\/[^/]/.test(baseURL))
    reader.problem('baseURL', baseURL, "a URL such as 'https://host/v1'");
  if (baseURL === undefined && kind === 'openai-compatible' && reader.raw('baseURL') === undefined) {
    reader.problem(
      'baseURL',
      undefined,
      "the server's base URL such as 'http://localhost:8000/v1' (required for kind 'openai-compatible')",
    );
  }
  neverShowPasswordOf(baseURL);
  return baseURL;
}

function readApiKey(
  reader: OptionsReader<LlmProviderOptions>,
  kind: LlmProviderKind,
  env: ProviderSurroundings['env'],
): string | undefined {
  const variable = API_KEY_VARIABLES[kind];
  const given = reader.raw('apiKey');
  if (given !== undefined && (typeof given !== 'string' || given === '')) {
    // Whatever it is, it was meant to be a secret: not into the message.
    reader.problem('apiKey', typeof given === 'string' ? '' : typeof given, 'a string that is not empty');
    return undefined;
  }
  const key = given ?? (variable === undefined ? undefined : env[variable] || undefined);
  if (key === undefined && variable !== undefined) {
    reader.problem(
      'apiKey',
      undefined,
      `a key (required for kind '${kind}'); give it or set the environment variable ${variable}`,
    );
  }
  neverShow(key);
  return key;
}

function required<T extends { readonly name?: string; readonly model?: string }>(
  reader: OptionsReader<T>,
  option: 'name' | 'model',
  allowed: string,
): string {
  const value = reader.raw(option);
  if (value === undefined) reader.problem(option, undefined, allowed);
  return reader.string(option, '');
}

function missingKind(reader: OptionsReader<LlmProviderOptions>): LlmProviderKind {
  reader.problem('kind', undefined, `one of ${LLM_PROVIDER_KINDS.map((kind) => `'${kind}'`).join(', ')}`);
  return 'offline';
}

/** `exactOptionalPropertyTypes` in spirit: an absent option stays absent. */
function optional<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]: V });
}
