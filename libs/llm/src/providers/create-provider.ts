import type { LlmProviderKind } from '../options/provider.options.js';
import type { ResolvedTarget } from '../options/resolved-options.js';
import type { ProviderTarget } from './api-keys.js';
import { AiSdkProvider } from './ai-sdk.provider.js';
import type { SdkModel } from './model-call.js';
import { anthropicProvider } from './anthropic.provider.js';
import { OfflineProvider } from './offline.provider.js';
import { ollamaProvider } from './ollama.provider.js';
import { openAiCompatibleProvider } from './openai-compatible.provider.js';
import { openAiProvider } from './openai.provider.js';
import type { LlmProvider } from './provider.js';

const FACTORIES: Readonly<Record<LlmProviderKind, (target: ProviderTarget) => LlmProvider>> = {
  openai: openAiProvider,
  anthropic: anthropicProvider,
  ollama: ollamaProvider,
  'openai-compatible': openAiCompatibleProvider,
  'ai-sdk': handedIn,
  offline: (target) => new OfflineProvider(target.name, target.model),
};

function handedIn({ name, kind, model, sdkModel, structuredOutput }: ResolvedTarget): LlmProvider {
  return new AiSdkProvider({ name, kind, model, structuredOutput, load: () => Promise.resolve(sdkModel as SdkModel) });
}

/** The provider of a target. Nothing is loaded or connected before its first call. */
export function createProvider(target: ProviderTarget): LlmProvider {
  return FACTORIES[target.kind](target);
}
