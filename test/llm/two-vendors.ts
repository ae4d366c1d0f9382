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

/**
 * The simulators, started once: each that was ever started slows every promise of its process on Node 20, by an AsyncLocalStorage that stays
 * enabled.
 */
let started: Promise<Readonly<Record<Wire, { readonly mock: LLMock; readonly url: string }>>> | undefined;

async function startVendors() {
  const [openai, anthropic] = [new LLMock({ port: 0 }), new LLMock({ port: 0 })];
  const [first, second] = [await openai.start(), await anthropic.start()];
  return { openai: { mock: openai, url: first }, anthropic: { mock: anthropic, url: second } };
}

/** After the last test of a suite. */
export async function stopVendors(): Promise<void> {
  const vendors = await started;
  started = undefined;
  if (vendors) await Promise.all([stop(vendors.openai.mock), stop(vendors.anthropic.mock)]);
}

/** Retries do not wait, nothing is checked in the background; everything else is as by default. */
export async function startTwoVendors(
  options: Readonly<Record<Wire, Partial<LlmProviderOptions>>>,
): Promise<TwoVendors> {
  const { openai, anthropic } = await (started ??= startVendors());
  const vendors = { openai: openai.mock, anthropic: anthropic.mock };
  const urls = { openai: openai.url, anthropic: anthropic.url };
  const providers = (['openai', 'anthropic'] as const).map((wire) => {
    return { name: wire, kind: wire, model: MODEL[wire], apiKey: 'k', baseURL: `${urls[wire]}/v1`, ...options[wire] };
  });
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
      for (const vendor of Object.values(vendors)) vendor.reset().clearChaos();
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
