import { afterEach, describe, expect, it } from '@jest/globals';
import { ResilienceModule, type RetryOptions } from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';
import { Global, Module } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { type OneVendor, refusing, saying, startOneVendor } from '../../test/one-vendor.fixture.js';
import { LlmModule } from '../llm.module.js';
import { LlmService } from '../llm.service.js';
import { LLM_SHARED_LIMITS, type SharedLimits } from './shared-limits.js';

/** One bucket for all replicas of a test, and what they told it. */
class Together implements SharedLimits {
  readonly left = new Map<string, number>();
  readonly listeners: ((target: string, ms: number) => void)[] = [];
  away = false;
  cooldownMs = 0;

  async take(target: string, tokens: number, perMinute: number) {
    if (this.away) return undefined;
    const left = this.left.get(target) ?? perMinute;
    if (left < tokens) return { ok: false, waitMs: 60_000 } as const;
    this.left.set(target, left - tokens);
    return { ok: true, cooldownMs: this.cooldownMs } as const;
  }

  settle(target: string, delta: number): void {
    this.left.set(target, (this.left.get(target) ?? 0) - delta);
  }

  cool(target: string, ms: number): void {
    for (const listen of this.listeners) listen(target, ms);
  }

  onCool(listen: (target: string, ms: number) => void): void {
    this.listeners.push(listen);
  }
}

describe('limits that all replicas share', () => {
  const apps: TestingModule[] = [];
  let vendor: OneVendor | undefined;
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
    await vendor?.close();
  });

  async function replica(
    together: SharedLimits,
    limits: object,
    retry: RetryOptions | false = {},
  ): Promise<LlmService> {
    const { baseURL } = vendor as OneVendor;
    @Global()
    @Module({ providers: [{ provide: LLM_SHARED_LIMITS, useValue: together }], exports: [LLM_SHARED_LIMITS] })
    class Shared {}
    const app = await Test.createTestingModule({
      imports: [
        Shared,
        ResilienceModule.forRoot({ clock: new FakeClock(), random: () => 0 }),
        LlmModule.forRoot({
          ...{ health: { enabled: false }, retry },
          providers: [{ name: 'a', kind: 'openai-compatible', model: 'm', baseURL, limits: { ...limits, maxWait: 0 } }],
        }),
      ],
    }).compile();
    apps.push(await app.init());
    return app.get(LlmService);
  }

  const answering = async (answer = saying('Hi')) => (vendor = await startOneVendor(answer));
  const ask = (llm: LlmService) =>
    llm.complete({ prompt: 'hello' }).then(
      () => 'served',
      (error: { code: string }) => error.code,
    );

  it('hold for the requests of all of them', async () => {
    await answering();
    const together = new Together();
    const [one, other] = [
      await replica(together, { requestsPerMinute: 3 }),
      await replica(together, { requestsPerMinute: 3 }),
    ];

    const ended = [await ask(one), await ask(other), await ask(one), await ask(other)];

    expect(ended).toEqual(['served', 'served', 'served', 'RESILIENCE_LLM_UNAVAILABLE']);
  });

  it('are settled with the tokens that were used', async () => {
    await answering();
    const together = new Together();
    const llm = await replica(together, { tokensPerMinute: 1000 });

    await ask(llm);

    // The server counts no tokens: two for "hello", one for what it answered, and none of the 256 that were expected.
    expect(together.left.get('llm:a:m')).toBe(1000 - 3);
  });

  it('are decided by each replica for itself while nobody answers for all', async () => {
    await answering();
    const together = new Together();
    together.away = true;
    const llm = await replica(together, { requestsPerMinute: 1 });

    expect([await ask(llm), await ask(llm)]).toEqual(['served', 'RESILIENCE_LLM_UNAVAILABLE']);
  });

  it('count the retries of a request', async () => {
    await answering(refusing(500, 'boom'));
    const together = new Together();
    const llm = await replica(together, { requestsPerMinute: 100 }, { maxRetries: 2, strategy: 'immediate' });

    await ask(llm);

    expect(vendor?.requests).toBe(3);
    expect(together.left.get('llm:a:m#requests')).toBe(97);
  });

  it('tell of a cooldown with what they grant', async () => {
    await answering();
    const together = new Together();
    const llm = await replica(together, { requestsPerMinute: 100 });
    together.cooldownMs = 30_000;

    expect(await ask(llm)).toBe('RESILIENCE_LLM_UNAVAILABLE');

    expect(vendor?.requests).toBe(0);
  });

  it('let one replica’s hint hold for the others', async () => {
    await answering(refusing(429, 'slow', { 'retry-after': '30' }));
    const together = new Together();
    const [one, other] = [await replica(together, {}), await replica(together, {})];
    await ask(one);

    expect(await ask(other)).toBe('RESILIENCE_LLM_UNAVAILABLE');

    expect(vendor?.requests).toBe(1);
  });
});
