import { afterEach, describe, expect, it } from '@jest/globals';
import { LLMock } from '@copilotkit/aimock';
import { ResilienceModule } from '@nest-resilience/core';
import { MetricsModule } from '@nest-resilience/core/metrics';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { LlmModule, LlmService } from '../src/index.js';

let app: INestApplication | undefined;
let vendor: LLMock | undefined;
afterEach(async () => {
  await app?.close();
  await vendor?.stop();
});

async function start(): Promise<{ vendor: LLMock; llm: LlmService; scrape: () => Promise<string[]> }> {
  const running = (vendor = new LLMock({ port: 0 }));
  const baseURL = `${await running.start()}/v1`;
  const cost = { inputPerMillion: 1000, outputPerMillion: 2000 };
  const module = await Test.createTestingModule({
    imports: [
      ResilienceModule.forRoot(),
      MetricsModule.forRoot({ defaultMetrics: false }),
      LlmModule.forRoot({
        providers: [
          { name: 'main', kind: 'openai-compatible', model: 'a', baseURL, cost, models: ['b'] },
          { name: 'offline', kind: 'offline', model: 'extractive' },
        ],
        retry: false,
        heals: 1,
        health: { enabled: false },
      }),
    ],
  }).compile();
  const nest = module.createNestApplication({ logger: false });
  app = nest;
  await nest.listen(0, '127.0.0.1');
  const url = await nest.getUrl();
  const scrape = async () => {
    const text = await (await fetch(`${url}/metrics`)).text();
    return text.split('\n').filter((line) => /^resilience_(llm|calls)_/.test(line));
  };
  return { vendor: running, llm: nest.get(LlmService), scrape };
}

describe('the figures of models', () => {
  it('tell requests by how they ended, tokens by type, cost, who served, and how long the first part took', async () => {
    const { vendor: server, llm, scrape } = await start();
    const usage = { prompt_tokens: 100, completion_tokens: 10 };
    server.onMessage(/corrected JSON/, { content: '{"a":1}', usage });
    server.onMessage(/healed/, { content: 'no', usage });
    server.onMessage(/fine/, { content: 'fine', usage });

    await llm.complete({ prompt: 'healed', schema: { type: 'object' } });
    for await (const _ of llm.stream({ prompt: 'fine' }));

    const lines = await scrape();
    const of = (labels: string) => `{provider="main",model="a",${labels}}`;
    expect(lines).toEqual(
      expect.arrayContaining([
        `resilience_llm_requests_total${of('stream="false",outcome="invalid",reason="invalid_output"')} 1`,
        `resilience_llm_requests_total${of('stream="false",outcome="ok",reason=""')} 1`,
        `resilience_llm_requests_total${of('stream="true",outcome="ok",reason=""')} 1`,
        `resilience_llm_tokens_total${of('type="input"')} 300`,
        `resilience_llm_tokens_total${of('type="output"')} 30`,
        expect.stringMatching(/^resilience_llm_cost_usd_total\{provider="main",model="a"\} 0\.36/),
        expect.stringMatching(/^resilience_llm_wasted_cost_usd_total\{provider="main",model="a"\} 0\.12/),
        `resilience_llm_served_total${of('level="0"')} 2`,
        'resilience_llm_heals_total{provider="main",model="a"} 1',
        'resilience_llm_time_to_first_token_seconds_count{provider="main",model="a"} 1',
        'resilience_llm_up{provider="main"} 1',
        'resilience_llm_cooldown_seconds{provider="main",model="b"} 0',
      ]),
    );
  });

  it('tell what was not sent, what is left alone, and no cost that nobody knows', async () => {
    const { vendor: server, llm, scrape } = await start();
    server.onMessage(/all/, { content: 'fine' });
    server.nextRequestError(429, { message: 'slow down' });

    await llm.complete({ prompt: 'all' });
    await llm.complete({ prompt: 'all' });

    const lines = await scrape();
    expect(lines).toContainEqual(expect.stringMatching(/requests_total\{.*outcome="failed",reason="rate_limit"\} 1/));
    expect(lines.filter((line) => /cost_usd_total\{provider="main",model="b"/.test(line))).toEqual([]);
    expect(lines).toContainEqual(expect.stringMatching(/served_total\{provider="main",model="b",level="1"\}/));
  });

  it('have one series of calls for a model, streamed or not', async () => {
    const { vendor: server, llm, scrape } = await start();
    server.onMessage(/fine/, { content: 'fine' });

    await llm.complete({ prompt: 'fine' });
    for await (const _ of llm.stream({ prompt: 'fine' }));

    const calls = (await scrape()).filter((line) => line.startsWith('resilience_calls_total{method="llm:main:a'));
    expect(calls).toContain('resilience_calls_total{method="llm:main:a",outcome="successful",retry="without"} 2');
    expect(calls.filter((line) => line.includes(':stream'))).toEqual([]);
  });
});
