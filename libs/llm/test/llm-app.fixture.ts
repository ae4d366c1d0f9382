import type { Server } from 'node:http';
import { LLMock } from '@copilotkit/aimock';
import { ResilienceModule, ResilienceService } from '@nest-resilience/core';
import { Test } from '@nestjs/testing';
import { LlmModule } from '../src/llm.module.js';
import type { LlmModuleOptions } from '../src/llm.options.js';
import type { LlmProviderOptions } from '../src/options/provider.options.js';
import { LlmService } from '../src/llm.service.js';

/** An application with two simulated vendors behind real sockets, and `offline`. */
export interface LlmApp {
  readonly llm: LlmService;
  readonly resilience: ResilienceService;
  readonly openai: LLMock;
  readonly anthropic: LLMock;
  get<T>(token: abstract new (...args: never[]) => T): T;
  close(): Promise<void>;
}

export type LlmAppOptions = Omit<LlmModuleOptions, 'providers'> & {
  /** Laid over the vendors' options; false leaves one out. */
  readonly openai?: Partial<LlmProviderOptions> | false;
  readonly anthropic?: Partial<LlmProviderOptions> | false;
  readonly offline?: Partial<LlmProviderOptions> | false;
  readonly resilience?: Parameters<typeof ResilienceModule.forRoot>[0];
};

/** Retries without waiting, no background checks; everything else as by default. */
const QUICK = { retry: { baseDelay: 1, jitter: 'none' }, health: { enabled: false } } as const;

export async function startLlmApp(options: LlmAppOptions = {}): Promise<LlmApp> {
  const [openai, anthropic] = [new LLMock({ port: 0 }), new LLMock({ port: 0 })];
  const [openaiUrl, anthropicUrl] = [await openai.start(), await anthropic.start()];
  const { openai: ofOpenai = {}, anthropic: ofAnthropic = {}, offline = {}, resilience, ...rest } = options;
  const providers: LlmProviderOptions[] = [];
  if (ofOpenai) {
    const cost = { inputPerMillion: 1, outputPerMillion: 2 };
    providers.push({
      name: 'openai',
      kind: 'openai',
      model: 'gpt-4o-mini',
      apiKey: 'k',
      baseURL: `${openaiUrl}/v1`,
      cost,
      ...ofOpenai,
    });
  }
  if (ofAnthropic) {
    providers.push({
      name: 'anthropic',
      kind: 'anthropic',
      model: 'claude-sonnet-4-5',
      apiKey: 'k',
      baseURL: `${anthropicUrl}/v1`,
      ...ofAnthropic,
    });
  }
  if (offline) providers.push({ name: 'offline', kind: 'offline', model: 'extractive', ...offline });
  const module = await Test.createTestingModule({
    imports: [ResilienceModule.forRoot(resilience), LlmModule.forRoot({ ...QUICK, ...rest, providers })],
  }).compile();
  const app = await module.init();
  return {
    openai,
    anthropic,
    llm: app.get(LlmService),
    resilience: app.get(ResilienceService),
    get: (token) => app.get(token),
    close: async () => {
      await app.close();
      await Promise.all([openai, anthropic].map(stop));
    },
  };
}

/** A client that aborted a request leaves a fresh connection behind, which the simulator would wait for. */
async function stop(vendor: LLMock): Promise<void> {
  const running = Reflect.get(vendor, 'serverInstance') as { readonly server: Server } | null;
  const stopped = vendor.stop();
  running?.server.closeAllConnections();
  await stopped;
}
