import { option } from '@nest-resilience/core';
import type { FlexibleSchema } from 'ai';
import { readMessages } from './chain/read-messages.js';

/** `content`: a text, or parts as the AI SDK's providers take them: texts, images, files. */
export interface LlmMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string | readonly LlmPart[];
}

/** `data`: bytes, base64, or where they are. */
export type LlmPart =
  | { readonly type: 'text'; readonly text: string }
  | {
      readonly type: 'file';
      readonly data: string | Uint8Array | URL;
      /** E.g. `image/png`; `image/*` for an image of which nobody knows. */
      readonly mediaType: string;
      readonly filename?: string;
      readonly providerOptions?: LlmProviderSettings;
    };

/** A plain JSON Schema (2020-12), as a workflow file writes it. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** What an answer must look like: a zod schema, any Standard Schema that can describe itself, `jsonSchema()` of `ai`, or plain JSON Schema. */
export type LlmSchema<T = unknown> = FlexibleSchema<T> | JsonSchema;

/** Settings of single providers, by the names of their AI SDK packages. */
export type LlmProviderSettings = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

const penalty = option.number(undefined, { min: -2, max: 2 });

const OF_ALL = {
  /** Who it is for: answers that are kept are not shared between tenants. */
  tenant: option.text(),
};
const OF_CALL = {
  ...OF_ALL,
  /**
   * Whether `offline`, which is no model, may answer. Where nobody else can, a call that refuses it fails.
   * @default 'refuse' with a schema, 'accept' for text
   */
  degraded: option.oneOf(undefined, ['accept', 'refuse']),
  /** The lowest `quality` of a target that may answer, 0 to 1; one without a `quality` may not. By default any may. */
  minQuality: option.number(undefined, { min: 0, max: 1 }),
};
const KEPT = { cache: option.flag(undefined) };

const COMMON = {
  /** One user message. Give this or `messages`. */
  prompt: option.custom<string, string>((value, at) =>
    typeof value === 'string' && value.trim() !== '' ? value : at.refuse(value, 'a text that is not empty'),
  ),
  // Read into a ModelPrompt; named here, the types of a package that nobody installs himself would be part of ours.
  messages: option.custom<readonly LlmMessage[], readonly object[]>(readMessages),
  /** Put before everything else as a system message. */
  system: option.custom<string, string>((value, at) =>
    typeof value === 'string' ? value : at.refuse(value, 'a text'),
  ),
  /** Where to start: a provider's name, `provider:model` or a model's name. The rest of the chain stays behind it as fallback. */
  model: option.text(),
  /** Aborting ends the call at once; no further provider is asked. */
  signal: option.custom<AbortSignal, AbortSignal>((value, at) =>
    value instanceof AbortSignal ? value : at.refuse(value, 'an AbortSignal'),
  ),
  maxOutputTokens: option.whole(undefined, { min: 1 }),
  temperature: option.number(undefined, { min: 0 }),
  topP: option.number(undefined, { min: 0, max: 1 }),
  topK: option.whole(undefined, { min: 1 }),
  presencePenalty: penalty,
  frequencyPenalty: penalty,
  seed: option.number(undefined, {}, { integer: true }),
  /** The answer ends before one of these. */
  stopSequences: option.custom<readonly string[], string[]>((value, at) =>
    Array.isArray(value) && value.every(option.isText) ? value : at.refuse(value, 'a list of texts'),
  ),
  /** For one provider only, by the name of its AI SDK package: `{ openai: { reasoningEffort: 'low' } }`. */
  providerOptions: option.anything<LlmProviderSettings>(),
  ...OF_CALL,
  /** Sent along with every request of this call. */
  headers: option.anything<Readonly<Record<string, string>>>(),
};

const check = ({ given, at }: { readonly given: { readonly [name: string]: unknown }; readonly at: option.Place }) => {
  if ((given['prompt'] === undefined) === (given['messages'] === undefined))
    at.at('prompt').refuse(given['prompt'], "either 'prompt' or 'messages'");
};

export const STREAM_REQUEST = option.options(COMMON, { check });
export const REQUEST = option.options({ ...COMMON, ...KEPT, schema: option.anything<LlmSchema>() }, { check });

/** What a call through a model of the AI SDK says of itself, in `providerOptions.resilience`. */
export const MODEL_CALL = option.options({ ...OF_CALL, ...KEPT });

/** The same of a call for vectors. */
export const EMBEDDING_CALL = option.options(OF_ALL);

/** A stream carries text as it comes; only a finished answer can be checked against a schema, so there is none here. */
export interface LlmStreamRequest extends option.OptionsOf<typeof COMMON> {}

export interface LlmRequest<T = unknown> extends LlmStreamRequest {
  /** With a schema the answer is parsed, checked and, when invalid, asked for again with the problems fed back. */
  readonly schema?: LlmSchema<T>;
  /** `false`: neither answered by what is kept nor kept. @default true, where the module has a `cache` */
  readonly cache?: boolean;
}
