import type { ProviderTarget } from './api-keys.js';
import type { AiSdkProvider } from './ai-sdk.provider.js';
import { openAiCompatibleProvider } from './openai-compatible.provider.js';

/** Where `ollama serve` listens unless told otherwise. */
const DEFAULT_BASE_URL = 'http://127.0.0.1:11434/v1';

/** A local Ollama, over the OpenAI wire that it speaks under `/v1`. */
export function ollamaProvider(target: ProviderTarget): AiSdkProvider {
  return openAiCompatibleProvider({ ...target, baseURL: withVersion(target.baseURL) });
}

/** `OLLAMA_BASE_URL` is commonly written without the `/v1`. */
export function withVersion(baseURL = DEFAULT_BASE_URL): string {
  const trimmed = baseURL.replace(/\/+$/, '');
  return /\/v\d+$/.test(trimmed) ? trimmed : `${trimmed}/v1`;
}
