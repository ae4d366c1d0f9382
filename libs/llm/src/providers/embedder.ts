import type { LlmProviderKind } from '../options/provider.options.js';
import type { ResolvedEmbedding } from '../options/resolved-options.js';
import type { ProviderTarget } from './api-keys.js';
import { loadPackage } from './load-package.js';
import type { SdkEmbeddingModel } from './model-call.js';
import { withVersion } from './ollama.provider.js';
import type { ProviderCall } from './provider.js';
import { providerError } from './provider-error.js';
import { OPENAI_COMPATIBLE_WIRE } from './wire/openai-wire.js';
import { wireFetch } from './wire/wire-fetch.js';

export type EmbeddingCall = Omit<Parameters<SdkEmbeddingModel['doEmbed']>[0], 'abortSignal'>;
export type EmbeddingAnswer = Awaited<ReturnType<SdkEmbeddingModel['doEmbed']>>;

/** One model that makes vectors, behind one wire. One call is one request. */
export class LlmEmbedder {
  readonly name: string;
  readonly kind: LlmProviderKind;
  readonly model: string;
  private loading: Promise<SdkEmbeddingModel> | undefined;

  constructor(private readonly target: ResolvedEmbedding & ProviderTarget) {
    this.name = target.name;
    this.kind = target.kind;
    this.model = target.model;
  }

  async embed(call: EmbeddingCall, { signal }: ProviderCall): Promise<EmbeddingAnswer> {
    const model = await this.sdkModel();
    try {
      return await model.doEmbed({ ...call, abortSignal: signal });
    } catch (thrown) {
      const error = providerError(thrown);
      this.target.keys?.failed(signal, error);
      throw error;
    }
  }

  adapt(call: EmbeddingCall, error: unknown): boolean {
    return this.target.keys?.rotates(call, error) === true;
  }

  /** How many texts one call may have; `undefined` for any number. */
  async mostValues(): Promise<number | undefined> {
    return (await this.sdkModel()).maxEmbeddingsPerCall;
  }

  private sdkModel(): Promise<SdkEmbeddingModel> {
    // Of the two versions of these models only the name differs.
    this.loading ??= load(this.target) as Promise<SdkEmbeddingModel>;
    return this.loading;
  }
}

async function load(target: ResolvedEmbedding & ProviderTarget): Promise<object> {
  const { name, kind, model, apiKey, baseURL, sdkEmbedding } = target;
  if (sdkEmbedding !== undefined) return sdkEmbedding;
  const fetch = wireFetch(target, OPENAI_COMPATIBLE_WIRE);
  if (kind === 'openai') {
    const { createOpenAI } = await loadPackage(kind, '@ai-sdk/openai', () => import('@ai-sdk/openai'));
    return createOpenAI({ fetch, ...(apiKey && { apiKey }), ...(baseURL && { baseURL }) }).embedding(model);
  }
  const { createOpenAICompatible } = await loadPackage(
    kind,
    '@ai-sdk/openai-compatible',
    () => import('@ai-sdk/openai-compatible'),
  );
  const url = kind === 'ollama' ? withVersion(baseURL) : (baseURL ?? '');
  return createOpenAICompatible({ name, baseURL: url, fetch, ...(apiKey && { apiKey }) }).embeddingModel(model);
}
