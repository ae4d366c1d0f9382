import { describe, expect, it } from '@jest/globals';
import { ResilienceOptionsError } from '@nest-resilience/core';
import { DEFAULT_LLM_OPTIONS, type LlmModuleOptions } from '../llm.options.js';
import type { LlmProviderOptions } from './provider.options.js';
import { providersFromEnv } from '../providers-from-env.js';
import { readLlmOptions } from './read-options.js';

const OFFLINE: LlmProviderOptions = { name: 'offline', kind: 'offline', model: 'extractive' };
const read = (options: LlmModuleOptions, env = {}) => readLlmOptions(options, env);

function problemsOf(options: unknown): string[] {
  try {
    read(options as LlmModuleOptions);
  } catch (error) {
    if (error instanceof ResilienceOptionsError)
      return error.problems.map(({ path, allowed }) => `${path}: ${allowed}`);
    throw error;
  }
  return [];
}

describe('LlmModule options', () => {
  it('have these defaults', () => {
    expect(DEFAULT_LLM_OPTIONS).toEqual({
      balance: 'order',
      heals: 2,
      timeout: { each: 30_000, growth: 1, idle: 30_000 },
      retry: {
        maxRetries: 2,
        strategy: 'exponential',
        baseDelay: 500,
        maxDelay: 8_000,
        jitter: 'full',
        retryAfterCap: 20_000,
      },
      circuitBreaker: {
        window: { type: 'time', duration: 300_000 },
        minimumCalls: 5,
        failureRate: 0.5,
        recoveryTimeout: 60_000,
      },
      cooldown: { rate_limit: 5_000, quota: 300_000, auth: 300_000, not_found: 300_000 },
      onContentPolicy: 'throw',
      maxAnswerBytes: 8_388_608,
      health: { enabled: true, interval: 300_000, jitter: 0.1, timeout: 10_000, critical: false, maxCostPerDay: 0.1 },
    });
  });

  it('put targets in the order of their priority, models behind their provider, offline last', () => {
    const { targets } = read({
      providers: [
        OFFLINE,
        { name: 'b', kind: 'ollama', model: 'large', models: ['small'], priority: 2 },
        { name: 'a', kind: 'ollama', model: 'm', priority: 1 },
        { name: 'c', kind: 'ollama', model: 'm', priority: 2 },
      ],
    });

    expect(targets.map(({ name, model }) => `${name}:${model}`)).toEqual([
      'a:m',
      'b:large',
      'b:small',
      'c:m',
      'offline:extractive',
    ]);
  });

  it("let a provider's policies overlay the module's, and those the defaults", () => {
    const { targets } = read({
      providers: [{ ...OFFLINE, timeout: { growth: 2 }, retry: { baseDelay: 1 } }],
      timeout: '5s',
      retry: { maxRetries: 1 },
      circuitBreaker: { recoveryTimeout: '10s' },
    });

    expect(targets[0]?.timeouts).toEqual({
      each: 5000,
      growth: 2,
      max: undefined,
      total: undefined,
      firstToken: 5000,
      idle: 30_000,
    });
    expect(targets[0]?.retry).toMatchObject({ maxRetries: 1, baseDelay: 1, maxDelay: 8000 });
    expect(targets[0]?.circuitBreaker).toMatchObject({ recoveryTimeout: '10s', minimumCalls: 5 });
  });

  it('forget the default window when failures in a row are asked for', () => {
    const { targets } = read({ providers: [{ ...OFFLINE, circuitBreaker: { failureThreshold: 3 } }], retry: false });

    expect(targets[0]?.circuitBreaker).toEqual({ failureThreshold: 3, recoveryTimeout: 60_000 });
    expect(targets[0]?.retry).toBe(false);
  });

  it('look into the environment for a key', () => {
    const options: LlmModuleOptions = { providers: [{ name: 'o', kind: 'openai', model: 'm' }] };

    expect(read(options, { OPENAI_API_KEY: 'sk-env' }).targets[0]?.apiKey).toBe('sk-env');
  });

  it('are refused with every problem at once', () => {
    const problems = problemsOf({
      providers: [
        { name: 'a', kind: 'opnai', model: 'm' },
        { name: 'a', kind: 'openai', model: 'm', quality: 2, cots: {} },
        { name: 'b', kind: 'anthropic', model: '' },
        { name: 'c', kind: 'openai-compatible', model: 'm', timeout: { each: -1 }, cost: { inputPerMillion: 1 } },
        { name: 'd:e', kind: 'offline', model: 'm', models: ['m'], limits: { requestsPerMinute: 0 } },
      ],
      heals: -1,
      health: { interval: 'often', maxCostPerDay: -1 },
    });

    expect(problems).toEqual(
      expect.arrayContaining([
        expect.stringContaining(
          "LlmModule > a > kind: one of 'openai', 'anthropic', 'ollama', 'openai-compatible', 'offline' (did you mean 'openai'?)",
        ),
        expect.stringContaining('LlmModule > providers[1] > name: a name of its own (providers[0] has it already)'),
        expect.stringContaining('OPENAI_API_KEY'),
        expect.stringContaining('LlmModule > a > quality'),
        expect.stringContaining("did you mean 'cost'?"),
        expect.stringContaining('ANTHROPIC_API_KEY'),
        expect.stringContaining('LlmModule > b > model'),
        expect.stringContaining('LlmModule > c > baseURL'),
        expect.stringContaining('LlmModule > c > timeout > each'),
        expect.stringContaining('LlmModule > c > cost > outputPerMillion'),
        expect.stringContaining('LlmModule > d:e > name'),
        expect.stringContaining('LlmModule > d:e > models: each model once'),
        expect.stringContaining('LlmModule > d:e > limits > requestsPerMinute'),
        expect.stringContaining('LlmModule > heals'),
        expect.stringContaining('LlmModule > health > interval'),
        expect.stringContaining('LlmModule > health > maxCostPerDay: a number >= 0'),
      ]),
    );
  });

  it.each([[{}], [{ providers: [] }], [undefined], [{ providers: [null] }]])('refuse %j', (options) => {
    expect(problemsOf(options).length).toBeGreaterThan(0);
  });
});

describe('providersFromEnv', () => {
  it('finds nobody but offline in an empty environment', () => {
    expect(providersFromEnv({ OPENAI_API_KEY: '' })).toEqual([OFFLINE]);
  });

  it('finds every provider that the environment describes, offline last', () => {
    const providers = providersFromEnv({
      OPENAI_API_KEY: 'o',
      OPENAI_BASE_URL: 'http://127.0.0.1:1/v1',
      ANTHROPIC_API_KEY: 'a',
      ANTHROPIC_MODEL: 'claude',
      OLLAMA_BASE_URL: 'http://127.0.0.1:11434',
    });

    expect(providers).toMatchObject([
      { name: 'openai', kind: 'openai', apiKey: 'o', baseURL: 'http://127.0.0.1:1/v1' },
      { name: 'anthropic', kind: 'anthropic', apiKey: 'a', model: 'claude' },
      { name: 'ollama', kind: 'ollama', baseURL: 'http://127.0.0.1:11434' },
      { name: 'offline', kind: 'offline' },
    ]);
    expect(() => read({ providers })).not.toThrow();
  });
});
