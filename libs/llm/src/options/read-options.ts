import { OptionsReader } from '@nest-resilience/core';
import {
  DEFAULT_LLM_OPTIONS,
  type LlmHealthOptions,
  type LlmModuleOptions,
  type LlmProviderOptions,
} from '../llm.options.js';
import { readMaxAnswerBytes, readProvider } from './read-provider.js';
import { readTimeouts } from './read-timeouts.js';
import type { ResolvedHealth, ResolvedLlmOptions } from './resolved-options.js';

const PATH = 'LlmModule';
const KNOWN = ['providers', 'heals', 'health', 'timeout', 'retry', 'circuitBreaker', 'maxAnswerBytes'] as const;
const KNOWN_HEALTH = ['enabled', 'interval', 'jitter', 'timeout', 'critical', 'maxCostPerDay'] as const;

/**
 * Applies the defaults and puts the targets in the order in which they are asked.
 * @throws ResilienceOptionsError with every option that cannot work
 */
export function readLlmOptions(
  options: LlmModuleOptions,
  env: Readonly<Record<string, string | undefined>> = process.env,
): ResolvedLlmOptions {
  const reader = new OptionsReader<LlmModuleOptions>(options, PATH, KNOWN);
  const providers = readList(reader);
  const moduleTimeouts = readTimeouts(options?.timeout, `${PATH} > timeout`, reader);
  const module = { retry: options?.retry, circuitBreaker: options?.circuitBreaker };
  const maxAnswerBytes = readMaxAnswerBytes(reader, DEFAULT_LLM_OPTIONS.maxAnswerBytes);
  const targets = providers.flatMap((provider, index) =>
    readProvider(provider, index, reader, { module, moduleTimeouts, maxAnswerBytes, env }),
  );
  const health = readHealth(options?.health, reader);
  const heals = reader.number('heals', DEFAULT_LLM_OPTIONS.heals, { min: 0, integer: true });
  reader.finish();
  // The sort is stable: equal priorities keep their written order.
  return { targets: [...targets].sort(byPriority), heals, health };
}

function byPriority(a: { readonly priority: number }, b: { readonly priority: number }): number {
  return a.priority === b.priority ? 0 : a.priority - b.priority;
}

function readList(reader: OptionsReader<LlmModuleOptions>): readonly LlmProviderOptions[] {
  const providers = reader.raw('providers');
  if (!Array.isArray(providers) || providers.length === 0) {
    reader.problem(
      'providers',
      providers,
      "a list with at least one provider, e.g. { name: 'offline', kind: 'offline', model: 'extractive' }",
    );
    return [];
  }
  const names = providers.map((provider: LlmProviderOptions | undefined) => provider?.name);
  for (const [index, name] of names.entries()) {
    if (name !== undefined && names.indexOf(name) !== index) {
      reader.problem(
        `providers[${index}] > name`,
        name,
        `a name of its own (providers[${names.indexOf(name)}] has it already)`,
      );
    }
  }
  return providers as LlmProviderOptions[];
}

function readHealth(health: LlmHealthOptions | undefined, parent: OptionsReader<LlmModuleOptions>): ResolvedHealth {
  const defaults = DEFAULT_LLM_OPTIONS.health;
  const reader = new OptionsReader<LlmHealthOptions>(health, `${PATH} > health`, KNOWN_HEALTH);
  const resolved = {
    enabled: reader.boolean('enabled', defaults.enabled),
    intervalMs: reader.duration('interval', defaults.interval, { min: 1000 }),
    jitter: reader.number('jitter', defaults.jitter, { min: 0, max: 1 }),
    timeoutMs: reader.duration('timeout', defaults.timeout, { min: 1 }),
    critical: reader.boolean('critical', defaults.critical),
    maxCostPerDay: reader.number('maxCostPerDay', defaults.maxCostPerDay, { min: 0 }),
  };
  parent.absorb(reader);
  return resolved;
}
