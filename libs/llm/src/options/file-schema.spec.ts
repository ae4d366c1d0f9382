import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { LLM_MODULE, type LlmModuleOptions } from '../llm.options.js';
import { checkLlmOptions } from './check-options.js';
import { LLM_FILE_SCHEMA } from './file-schema.js';
import { EMBEDDING, PROVIDER } from './provider.options.js';

const isValid = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(LLM_FILE_SCHEMA);
const model = { name: 'a', kind: 'ollama', model: 'm' } as const;

/** Each of them is a file that a user might write. */
const FILES: readonly object[] = [
  {
    providers: [
      { ...model, apiKey: ['env:A', 'env:B'], models: ['n', { model: 'o', quality: 0.5 }], priority: 1, weight: 2 },
    ],
  },
  {
    providers: [
      { ...model, retry: { maxRetries: 1, byReason: { timeout: 0 } }, circuitBreaker: { failureThreshold: 3 } },
    ],
  },
  { providers: [model], retry: false, timeout: '9s', cooldown: { rate_limit: '1s' }, hedge: { delay: '2s' }, heals: 1 },
  {
    providers: [model],
    prices: { 'a:*': { inputPerMillion: 1, outputPerMillion: 2 } },
    cache: '10m',
    balance: 'fastest',
  },
  {
    providers: [model],
    prices: false,
    guards: { before: { redact: ['email', '/x/i'] }, after: { redact: true, maxChars: 9 } },
  },
  { providers: [model], budget: { usd: 5, per: '30d', then: 'wait' }, budgets: { acme: { usd: 1, per: 'call' } } },
  {
    providers: [model],
    endpoint: {
      path: 'api/v1',
      keys: { a: { token: 'x'.repeat(16), models: ['m'], limits: { requestsPerMinute: 1 } } },
    },
    embeddings: [{ name: 'e', kind: 'openai-compatible', baseURL: 'http://127.0.0.1/v1', model: 'e', dimensions: 3 }],
    health: { interval: '1m', maxCostPerDay: 0 },
    fallThrough: { bad_request: false },
    onContentPolicy: 'next',
  },
];
const WRONG: readonly object[] = [
  { providers: [] },
  { providers: [{ ...model, kind: 'gpt' }] },
  { providers: [{ ...model, modle: 'm' }] },
  { providers: [{ name: 'a' }] },
  { providers: [model], hedge: {} },
  { providers: [model], budget: { usd: 1, then: 'never' } },
  { providers: [model], retry: { byReason: { timout: 1 } } },
  { providers: [model], endpoint: { keys: {} } },
  { providers: [model], guards: { before: { redact: ['phone'] } } },
  { providers: [model], cahce: '1m' },
];

describe('the schema of files with models', () => {
  it.each(FILES)('takes what the module takes: %j', (file) => {
    expect([isValid(file), isValid.errors]).toEqual([true, null]);
    expect(() => checkLlmOptions(file as LlmModuleOptions)).not.toThrow();
  });

  it.each(WRONG)('refuses what the module refuses: %j', (file) => {
    expect(isValid(file)).toBe(false);
    expect(() => checkLlmOptions(file as LlmModuleOptions)).toThrow();
  });

  it('knows each option that can be written in a file', () => {
    const described = Object.keys(LLM_FILE_SCHEMA['properties'] as object);
    const known = (spec: object) => Object.keys(spec);

    expect(described.sort()).toEqual(known(LLM_MODULE.spec).sort());
    for (const { spec, schema } of [PROVIDER, EMBEDDING])
      expect(Object.keys(schema?.['properties'] as object).sort()).toEqual(known(spec).sort());
  });

  it('is the published one', () => {
    const published = new URL('../../schema/llm.schema.json', import.meta.url);
    if (process.env['UPDATE_SCHEMA']) {
      mkdirSync(new URL('.', published), { recursive: true });
      writeFileSync(published, `${JSON.stringify(LLM_FILE_SCHEMA, null, 2)}\n`);
    }

    expect(JSON.parse(readFileSync(published, 'utf8'))).toEqual(LLM_FILE_SCHEMA);
  });
});
