import type { ProviderTarget } from './api-keys.js';
import { AiSdkProvider } from './ai-sdk.provider.js';
import { loadPackage } from './load-package.js';
import { ANTHROPIC_WIRE } from './wire/anthropic-wire.js';
import { wireFetch } from './wire/wire-fetch.js';

const DEFAULT_BASE_URL = 'https://api.anthropic.com/v1';
/** The API version whose wire format the client package speaks. */
const API_VERSION = '2023-06-01';

/** Anthropic over `/messages`. */
export function anthropicProvider(target: ProviderTarget): AiSdkProvider {
  const { name, kind, model, apiKey = '', baseURL = DEFAULT_BASE_URL, structuredOutput } = target;
  const fetch = wireFetch(target, ANTHROPIC_WIRE);
  return new AiSdkProvider({
    name,
    kind,
    model,
    structuredOutput,
    keys: target.keys,
    listing: { fetch, listing: { baseURL, headers: { 'x-api-key': apiKey, 'anthropic-version': API_VERSION } } },
    load: async () => {
      const { createAnthropic } = await loadPackage(kind, '@ai-sdk/anthropic', () => import('@ai-sdk/anthropic'));
      return createAnthropic({ apiKey, baseURL, fetch })(model);
    },
  });
}
