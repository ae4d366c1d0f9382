import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ResilienceModule } from '@nest-resilience/core';
import { LLM_BUDGET_STORE, LlmModule, LlmService } from '@nest-resilience/llm';
import { sqliteBudgetStore } from '@nest-resilience/store-sql';
import { Global, Module } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';

const COST = { inputPerMillion: 1000, outputPerMillion: 1000 };

describe('a budget with a store on disk', () => {
  let directory: string;
  let vendor: Server;
  let baseURL: string;
  const apps: TestingModule[] = [];

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'budget-'));
    vendor = createServer((request, response) => {
      request.resume();
      const message = { role: 'assistant', content: 'Hi' };
      const usage = { prompt_tokens: 500, completion_tokens: 500, total_tokens: 1000 };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ id: 'c', choices: [{ index: 0, message, finish_reason: 'stop' }], usage }));
    });
    await new Promise<void>((resolve) => vendor.listen(0, '127.0.0.1', resolve));
    baseURL = `http://127.0.0.1:${(vendor.address() as AddressInfo).port}/v1`;
  });
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
    vendor.closeAllConnections();
    vendor.close();
    rmSync(directory, { recursive: true, force: true });
  });

  /** An application as a user writes it; all of them have one file. */
  async function boot(): Promise<{ ask: () => Promise<string>; app: TestingModule }> {
    const useFactory = () => sqliteBudgetStore({ file: join(directory, 'resilience.db') });
    @Global()
    @Module({ providers: [{ provide: LLM_BUDGET_STORE, useFactory }], exports: [LLM_BUDGET_STORE] })
    class Store {}
    const app = await Test.createTestingModule({
      imports: [
        Store,
        ResilienceModule.forRoot(),
        LlmModule.forRoot({
          budgets: { acme: { usd: 3, per: '365d' } },
          health: { enabled: false },
          providers: [{ name: 'a', kind: 'openai-compatible', model: 'm', baseURL, cost: COST }],
        }),
      ],
    }).compile();
    apps.push(await app.init());
    const llm = app.get(LlmService);
    const ask = () =>
      llm.complete({ prompt: 'hello', tenant: 'acme', maxOutputTokens: 900 }).then(
        ({ text }) => text,
        (error: { code: string }) => error.code,
      );
    return { ask, app };
  }

  it('goes on after a restart where it was, and is one for two processes', async () => {
    const first = await boot();
    expect(await first.ask()).toBe('Hi');
    await first.app.close();

    const [second, third] = [await boot(), await boot()];

    expect([await second.ask(), await third.ask()]).toEqual(['Hi', 'Hi']);
    expect([await second.ask(), await third.ask()]).toEqual(['RESILIENCE_LLM_BUDGET', 'RESILIENCE_LLM_BUDGET']);
  });
});
