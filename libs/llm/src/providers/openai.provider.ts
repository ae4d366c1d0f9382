import type { JsonSchema } from '../llm.request.js';
import type { ProviderTarget } from './api-keys.js';
import { AiSdkProvider } from './ai-sdk.provider.js';
import { loadPackage } from './load-package.js';
import { OPENAI_WIRE } from './wire/openai-wire.js';
import { wireFetch } from './wire/wire-fetch.js';
import type { ModelCall } from './model-call.js';
import { isStrictSchema, openAiSchema } from './strict-schema.js';

const DEFAULT_BASE_URL = 'https://api.openai.com/v1';

/** OpenAI over `/chat/completions`, the wire that gateways in front of it speak too. */
export function openAiProvider(target: ProviderTarget): AiSdkProvider {
  const { name, kind, model, apiKey = '', baseURL = DEFAULT_BASE_URL, structuredOutput } = target;
  const fetch = wireFetch(target, OPENAI_WIRE);
  return new AiSdkProvider({
    name,
    kind,
    model,
    structuredOutput,
    keys: target.keys,
    listing: { fetch, listing: { baseURL, headers: { authorization: `Bearer ${apiKey}` } } },
    load: async () => {
      const { createOpenAI } = await loadPackage(kind, '@ai-sdk/openai', () => import('@ai-sdk/openai'));
      return createOpenAI({ apiKey, baseURL, fetch }).chat(model);
    },
    adjust: asOpenAiTakesIt,
  });
}

/** Its strict mode knows only some schemas, and only objects; a stream is handed on as it comes, so nothing is wrapped there. */
function asOpenAiTakesIt(call: ModelCall, isWhole: boolean) {
  const { responseFormat } = call;
  if (responseFormat?.type !== 'json' || responseFormat.schema === undefined) return { call: withStrict(call, false) };
  const { schema, strict, unwrap } = openAiSchema(responseFormat.schema as JsonSchema);
  if (!isWhole) return { call: withStrict(call, isStrictSchema(responseFormat.schema)) };
  return { call: withStrict({ ...call, responseFormat: { ...responseFormat, schema } }, strict), unwrap };
}

function withStrict(call: ModelCall, strictJsonSchema: boolean): ModelCall {
  const { providerOptions } = call;
  return {
    ...call,
    providerOptions: { ...providerOptions, openai: { strictJsonSchema, ...providerOptions?.['openai'] } },
  };
}
