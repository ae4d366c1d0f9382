import type { FlexibleSchema } from 'ai';

export interface LlmMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** A plain JSON Schema (draft 7), as a workflow file writes it. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** What an answer must look like: a zod schema, any Standard Schema that can describe itself, `jsonSchema()` of `ai`, or plain JSON Schema. */
export type LlmSchema<T = unknown> = FlexibleSchema<T> | JsonSchema;

interface LlmRequestBase {
  /** One user message. Give this or `messages`. */
  readonly prompt?: string;
  readonly messages?: readonly LlmMessage[];
  /** Put before everything else as a system message. */
  readonly system?: string;
  /** Where to start: a provider's name, `provider:model` or a model's name. The rest of the chain stays behind it as fallback. */
  readonly model?: string;
  /** Aborting ends the call at once; no further provider is asked. */
  readonly signal?: AbortSignal;
  readonly maxOutputTokens?: number;
  readonly temperature?: number;
  /**
   * Whether `offline`, which is no model, may answer. Where nobody else can, a call that refuses it fails.
   * @default 'refuse' with a schema, 'accept' for text
   */
  readonly degraded?: 'accept' | 'refuse';
}

export interface LlmRequest<T = unknown> extends LlmRequestBase {
  /** With a schema the answer is parsed, checked and, when invalid, asked for again with the problems fed back. */
  readonly schema?: LlmSchema<T>;
}

/** A stream carries text as it comes; only a finished answer can be checked against a schema, so there is none here. */
export type LlmStreamRequest = LlmRequestBase;
