import { ResilienceOptionsError } from '@nest-resilience/core';
import {
  checkLlmOptions,
  LlmModule,
  type LlmModuleOptions,
  type LlmProviderOptions,
  providersFromEnv,
} from '@nest-resilience/llm';
import { type DynamicModule, Module } from '@nestjs/common';

import { type Configuration, ConfigurationError } from '../configuration/configuration.js';
import { listIn, type LlmFile, readLlmFile } from './llm-file.js';
import { LlmFileWatch, WATCHED_LLM_FILE, type WatchedLlmFile } from './llm-file.watch.js';

@Module({})
class ModelsModule {}

/**
 * The models of the service: those of `LLM_FILE`, else those of the environment. What the file says goes before the `LLM_*` settings, and what
 * it says later is taken in use without a restart.
 * @throws ConfigurationError with everything that cannot work, in the file with line and column
 */
export function modelsModule(configuration: Configuration, env: NodeJS.ProcessEnv): DynamicModule {
  const { LLM_FILE: name, LLM_WATCH: isWatched } = configuration;
  const models = LlmModule.forRoot(optionsOf(configuration, env).options);
  if (name === undefined || !isWatched) return models;
  const watched: WatchedLlmFile = { name, read: () => optionsOf(configuration, env) };
  return {
    module: ModelsModule,
    imports: [models],
    providers: [{ provide: WATCHED_LLM_FILE, useValue: watched }, LlmFileWatch],
  };
}

/** @throws ConfigurationError */
function optionsOf(configuration: Configuration, env: NodeJS.ProcessEnv): ReturnType<WatchedLlmFile['read']> {
  const file = configuration.LLM_FILE === undefined ? undefined : readLlmFile(configuration.LLM_FILE, env);
  const { LLM_ENDPOINT_TOKEN: token } = configuration;
  const options: LlmModuleOptions = {
    timeout: { each: configuration.LLM_TIMEOUT },
    retry: { maxRetries: configuration.LLM_RETRIES, baseDelay: configuration.LLM_RETRY_BASE_DELAY },
    circuitBreaker: {
      window: { type: 'time', duration: configuration.LLM_CIRCUIT_WINDOW },
      recoveryTimeout: configuration.LLM_CIRCUIT_RECOVERY,
    },
    ...(token !== undefined && { endpoint: { keys: { default: { token } } } }),
    ...file?.options,
    providers: providersOf(configuration, file, env),
  };
  const inFile = (error: unknown) => (file && error instanceof ResilienceOptionsError ? file.problems(error) : error);
  try {
    if (file) checkLlmOptions(options);
  } catch (error) {
    throw inFile(error);
  }
  return { options, inFile };
}

/** @throws ConfigurationError when nobody is left to ask */
function providersOf(
  { LLM_OFFLINE: offline }: Configuration,
  file: LlmFile | undefined,
  env: NodeJS.ProcessEnv,
): LlmModuleOptions['providers'] {
  const written = file?.options.providers;
  if (file === undefined || written === undefined) return orNone(providersFromEnv(env, { offline }));
  const own = listIn(written).findIndex((provider) => provider?.kind === 'offline');
  if (own >= 0 && offline === 'off') {
    const message = 'offline is no model, and LLM_OFFLINE=off; leave it out, or the setting';
    throw file.problem(['providers', own, 'kind'], message);
  }
  // Of the environment nobody but text processing; what is no list is refused by the module.
  return own >= 0 || listIn(written).length === 0 ? written : [...written, ...providersFromEnv({}, { offline })];
}

function orNone(providers: LlmProviderOptions[]): LlmProviderOptions[] {
  if (providers.length > 0) return providers;
  const message =
    "'off' leaves no model; set OPENAI_API_KEY, ANTHROPIC_API_KEY or OLLAMA_BASE_URL, name some in LLM_FILE, or LLM_OFFLINE=last";
  throw new ConfigurationError([{ name: 'LLM_OFFLINE', source: 'environment', message }]);
}
