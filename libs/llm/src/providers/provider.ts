import type { LlmProviderKind } from '../options/provider.options.js';
import type { LlmUsage } from '../llm.result.js';
import type { ModelAnswer, ModelPart, ModelRequest } from './model-call.js';

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
 * One model behind one wire, asked in the words of the AI SDK. It sends exactly one request per call: retrying, timing out, falling
 * back are the chain's business. Errors are thrown as the client library made them; `classifyError` reads them.
 */
export interface LlmProvider {
  /** The configured name, not the kind. */
  readonly name: string;
  readonly kind: LlmProviderKind;
  readonly model: string;
  generate(request: ModelRequest, call: ProviderCall): Promise<ModelAnswer>;
  /** Ends with a `finish`, unless the connection ended before the provider said that it was done. Leaving it early ends the request. */
  stream(request: ModelRequest, call: ProviderCall): AsyncIterable<ModelPart>;
  /** Whether the failed request can be said in another way that this model may understand; from then on it is. */
  adapt?(request: ModelRequest, error: unknown): boolean;
  /** Settings of the request that this model was found not to understand, and is not sent. */
  leftOut?(request: ModelRequest): readonly string[];
  /** The cheapest call that proves the provider reachable; throws what was wrong. */
  check(call: ProviderCheckCall): Promise<ProviderCheck>;
}
