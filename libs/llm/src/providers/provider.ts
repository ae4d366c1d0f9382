import type { LlmProviderKind } from '../llm.options.js';
import type { JsonSchema, LlmMessage } from '../llm.request.js';
import type { LlmUsage } from '../llm.result.js';

/** A request as providers get it: one list of messages, system messages first. */
export interface ProviderRequest {
  readonly messages: readonly LlmMessage[];
  /** The answer's text must be JSON that matches this. */
  readonly jsonSchema?: JsonSchema;
  readonly maxOutputTokens?: number;
  readonly temperature?: number;
}

export interface ProviderAnswer {
  readonly text: string;
  readonly usage: LlmUsage;
  /** `length`: cut at the token limit. `content-filter`: the provider refused. */
  readonly finishReason: 'stop' | 'length' | 'content-filter' | 'other';
}

export type ProviderStreamPart =
  { readonly type: 'text'; readonly text: string } | ({ readonly type: 'finish' } & Omit<ProviderAnswer, 'text'>);

export interface ProviderCall {
  readonly signal: AbortSignal;
}

export interface ProviderCheckCall extends ProviderCall {
  /** Ask for one token although listing the models is free: a list does not notice an exhausted quota. */
  readonly billed?: boolean;
  /** Called right before a request that costs money; when it says false, nothing is sent. */
  readonly mayPay: () => boolean;
}

/** How a provider was proven reachable; `withheld`: only a request that may not be paid for would have told. */
export type ProviderCheck =
  /** `missing`: it lists its models, and the one that is configured is not among them. */
  | { readonly kind: 'free'; readonly missing?: boolean }
  | { readonly kind: 'paid'; readonly usage: LlmUsage }
  | { readonly kind: 'withheld' };

/**
 * One model behind one wire. It sends exactly one request per call: retrying, timing out, falling back are the chain's business.
 * Errors are thrown as the client library made them; `classifyError` reads them.
 */
export interface LlmProvider {
  /** The configured name, not the kind. */
  readonly name: string;
  readonly kind: LlmProviderKind;
  readonly model: string;
  complete(request: ProviderRequest, call: ProviderCall): Promise<ProviderAnswer>;
  /** Ends with a `finish`, unless the connection ended before the provider said that it was done. Leaving it early ends the request. */
  stream(request: ProviderRequest, call: ProviderCall): AsyncIterable<ProviderStreamPart>;
  /** The cheapest call that proves the provider reachable; throws what was wrong. */
  check(call: ProviderCheckCall): Promise<ProviderCheck>;
}
