import type { LlmProviderOptions } from './options/provider.options.js';

/** Used when the environment names no model. */
const DEFAULT_MODELS = { openai: 'gpt-4o-mini', anthropic: 'claude-haiku-4-5', ollama: 'llama3.2' } as const;

/**
 * Every provider that the environment describes, and `offline` last, unless `LLM_OFFLINE=off`:
 *
 * | provider | is there when | also read |
 * |---|---|---|
 * | `openai` | `OPENAI_API_KEY` | `OPENAI_BASE_URL`, `OPENAI_MODEL` |
 * | `anthropic` | `ANTHROPIC_API_KEY` | `ANTHROPIC_BASE_URL`, `ANTHROPIC_MODEL` |
 * | `ollama` | `OLLAMA_BASE_URL` or `OLLAMA_MODEL` | |
 *
 * An empty variable counts as not set.
 */
export function providersFromEnv(
  env: Readonly<Record<string, string | undefined>> = process.env,
  { offline = env['LLM_OFFLINE'] === 'off' ? 'off' : 'last' }: { readonly offline?: 'last' | 'off' } = {},
): LlmProviderOptions[] {
  const providers: LlmProviderOptions[] = [];
  const keyed = (kind: 'openai' | 'anthropic', prefix: string) => {
    const apiKey = env[`${prefix}_API_KEY`];
    if (!apiKey) return;
    const baseURL = env[`${prefix}_BASE_URL`];
    providers.push({
      name: kind,
      kind,
      apiKey,
      model: env[`${prefix}_MODEL`] || DEFAULT_MODELS[kind],
      ...(baseURL && { baseURL }),
    });
  };
  keyed('openai', 'OPENAI');
  keyed('anthropic', 'ANTHROPIC');
  const { OLLAMA_BASE_URL: baseURL, OLLAMA_MODEL: model } = env;
  if (baseURL || model) {
    providers.push({
      name: 'ollama',
      kind: 'ollama',
      model: model || DEFAULT_MODELS.ollama,
      ...(baseURL && { baseURL }),
    });
  }
  if (offline === 'last') providers.push({ name: 'offline', kind: 'offline', model: 'extractive' });
  return providers;
}
