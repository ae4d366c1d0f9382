import type { ResolvedTarget } from '../options/resolved-options.js';
import { AiSdkProvider } from './ai-sdk.provider.js';
import { loadPackage } from './load-package.js';
import { OPENAI_WIRE } from './wire/openai-wire.js';
import { wireFetch } from './wire/wire-fetch.js';
import type { ModelCall } from './model-call.js';
import { isStrictSchema } from './strict-schema.js';

const DEFAULT_BASE_URL = 'https://api.openai.com/v1';

/** OpenAI over `/chat/completions`, the wire that gateways in front of it speak too. */
export function openAiProvider(target: ResolvedTarget): AiSdkProvider {
  const { name, kind, model, apiKey = '', baseURL = DEFAULT_BASE_URL, structuredOutput } = target;
  const fetch = wireFetch(target, OPENAI_WIRE);
  return new AiSdkProvider({
    name,
    kind,
    model,
    structuredOutput,
    listing: { fetch, listing: { baseURL, headers: { authorization: `Bearer ${apiKey}` } } },
    load: async () => {
      const { createOpenAI } = await loadPackage(kind, '@ai-sdk/openai', () => import('@ai-sdk/openai'));
      return createOpenAI({ apiKey, baseURL, fetch }).chat(model);
    },
    adjust: strictWherePossible,
  });
}

/** OpenAI refuses a schema that its strict mode does not know; any other is sent as a mere hint. */
function strictWherePossible(call: ModelCall): ModelCall {
  const { responseFormat, providerOptions } = call;
  const strictJsonSchema = responseFormat?.type === 'json' && isStrictSchema(responseFormat.schema);
  return {
    ...call,
    providerOptions: { ...providerOptions, openai: { strictJsonSchema, ...providerOptions?.['openai'] } },
  };
}
