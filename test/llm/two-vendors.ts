import type { Server } from 'node:http';
import { LLMock } from '@copilotkit/aimock';
import { ResilienceModule, ResilienceService } from '@nest-resilience/core';
import { LlmHealthIndicator, LlmModule, type LlmProviderOptions, LlmService } from '@nest-resilience/llm';
import { Test } from '@nestjs/testing';
import type { Wire } from './raw-vendor.js';

export const MODEL = { openai: 'gpt-4o-mini', anthropic: 'claude-sonnet-4-5' } as const;

/** An application with two simulated vendors behind real sockets. */
export interface TwoVendors {
  readonly llm: LlmService;
  readonly health: LlmHealthIndicator;
  readonly resilience: ResilienceService;
  readonly vendors: Readonly<Record<Wire, LLMock>>;
  close(): Promise<void>;
}

/** Retries do not wait, nothing is checked in the background; everything else is as by default. */
export async function startTwoVendors(
  options: Readonly<Record<Wire, Partial<LlmProviderOptions>>>,
): Promise<TwoVendors> {
  const vendors = { openai: new LLMock({ port: 0 }), anthropic: new LLMock({ port: 0 }) };
  const providers = await Promise.all(
    (['openai', 'anthropic'] as const).map(async (wire) => {
      const baseURL = `${await vendors[wire].start()}/v1`;
      return { name: wire, kind: wire, model: MODEL[wire], apiKey: 'k', baseURL, ...options[wire] };
    }),
  );
  const retry = { baseDelay: 1, jitter: 'none' } as const;
  const module = await Test.createTestingModule({
    imports: [ResilienceModule.forRoot(), LlmModule.forRoot({ providers, retry, health: { enabled: false } })],
  }).compile();
  await module.init();
  return {
    llm: module.get(LlmService),
    health: module.get(LlmHealthIndicator),
    resilience: module.get(ResilienceService),
    vendors,
    close: async () => {
      await module.close();
      await Promise.all(Object.values(vendors).map(stop));
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
