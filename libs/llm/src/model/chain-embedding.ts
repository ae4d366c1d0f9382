import { type Dimensions, embed, type EmbeddingTarget } from '../chain/embed.js';
import type { Guards } from '../guard/guards.js';
import type { LlmChain } from '../chain/llm-chain.js';
import type { SdkEmbeddingModel } from '../providers/model-call.js';
import { embeddingSettings } from './call-settings.js';
import { servedHeaders, told } from './told.js';

/** Texts go to a model, whatever it makes of them. */
async function guardedValues(
  { surroundings: { guards } }: LlmChain,
  values: string[],
  about: Parameters<Guards['before']>[1],
): Promise<string[]> {
  if (!guards) return values;
  const messages = await guards.before(
    values.map((content) => ({ content })),
    about,
    [],
  );
  return messages.map(({ content }) => content);
}

/** The chain of those that make vectors, as an embedding model of the AI SDK 6 and 7. */
export function chainEmbedding(
  chain: LlmChain,
  targets: () => readonly EmbeddingTarget[],
  name: string,
  dimensions: () => Dimensions,
): SdkEmbeddingModel {
  return {
    specificationVersion: 'v3',
    provider: 'nest-resilience',
    modelId: name,
    supportsParallelCalls: true,
    /** As many as every target takes: any of them may have to. */
    get maxEmbeddingsPerCall() {
      const all = targets().map(({ provider }) => provider.mostValues());
      return Promise.all(all).then((most) => Math.min(...most.map((one) => one ?? Infinity)));
    },
    async doEmbed({ abortSignal: signal, ...call }) {
      const { tenant } = embeddingSettings(call.providerOptions, 'LlmService.embedding()');
      const values = await guardedValues(chain, call.values, { tenant, signal });
      const { answer, result } = await embed(chain, targets(), { ...call, values }, { signal, tenant }, dimensions());
      const headers = { ...answer.response?.headers, ...servedHeaders(result) };
      const providerMetadata = { ...answer.providerMetadata, ...told(result) };
      return { ...answer, providerMetadata, response: { ...answer.response, headers } };
    },
  };
}
