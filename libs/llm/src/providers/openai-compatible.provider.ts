import type { ProviderTarget } from './api-keys.js';
import { AiSdkProvider } from './ai-sdk.provider.js';
import { loadPackage } from './load-package.js';
import { OPENAI_COMPATIBLE_WIRE } from './wire/openai-wire.js';
import { wireFetch } from './wire/wire-fetch.js';

/** Whatever speaks OpenAI's chat wire: vLLM, llama.cpp, LM Studio, gateways, other vendors. */
export function openAiCompatibleProvider(target: ProviderTarget): AiSdkProvider {
  const { name, kind, model, apiKey, baseURL = '', structuredOutput } = target;
  const fetch = wireFetch(target, OPENAI_COMPATIBLE_WIRE);
  return new AiSdkProvider({
    name,
    kind,
    model,
    structuredOutput,
    keys: target.keys,
    listing: {
      fetch,
      listing: { baseURL, headers: apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` } },
    },
    load: async () => {
      const { createOpenAICompatible } = await loadPackage(
        kind,
        '@ai-sdk/openai-compatible',
        () => import('@ai-sdk/openai-compatible'),
      );
      return createOpenAICompatible({
        name,
        baseURL,
        fetch,
        includeUsage: true,
        supportsStructuredOutputs: structuredOutput === 'json-schema',
        ...(apiKey !== undefined && { apiKey }),
      }).chatModel(model);
    },
  });
}
