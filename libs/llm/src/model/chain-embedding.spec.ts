import { createOpenAI } from '@ai-sdk/openai';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type * as AiSdk from 'ai';
import {
  type Answering,
  type ChainApp,
  dead,
  json,
  startChain,
  startVendor,
  type Vendor,
} from '../../test/vendor.fixture.js';
import type { LlmEmbeddingOptions } from '../options/provider.options.js';

const major = Number(process.versions.node.split('.')[0]);
if (major < 22) console.warn(`ai 7 needs Node 22: llm.embedding() is not tried with it on ${process.version}`);

const GENERATIONS = [
  ['ai 6', () => import('ai')],
  ...(major < 22 ? [] : [['ai 7', () => import('ai-7') as unknown as Promise<typeof AiSdk>] as const]),
] as const;

/** As many vectors as texts, each of so many numbers. */
const vectors =
  (length: number, of = (texts: readonly string[]) => texts.length): Answering =>
  (response, asked, count) => {
    const data = Array.from({ length: of(asked.body['input'] as string[]) }, (_, index) => ({
      ...{ object: 'embedding', index },
      embedding: Array.from({ length }, () => index),
    }));
    const usage = { prompt_tokens: 3, total_tokens: 3 };
    json(200, { object: 'list', model: 'm', data, usage })(response, asked, count);
  };

let first: Vendor;
let second: Vendor;
let app: ChainApp;

async function start(...more: readonly Partial<LlmEmbeddingOptions>[]): Promise<ChainApp> {
  const embeddings = [first, second].map(({ baseURL }, index) => ({
    ...{ name: ['first', 'second'][index]!, kind: (['openai', 'openai-compatible'] as const)[index]!, model: 'm' },
    ...{ apiKey: 'k', baseURL, cost: { inputPerMillion: 1, outputPerMillion: 0 } },
    ...more[index],
  })) as LlmEmbeddingOptions[];
  return (app = await startChain({ providers: [{ name: 'offline', kind: 'offline', model: 'e' }], embeddings }));
}

beforeEach(async () => {
  [first, second] = [await startVendor(dead), await startVendor(vectors(4))];
});
afterEach(() => Promise.all([app?.close(), first.close(), second.close()]));

describe.each(GENERATIONS)('llm.embedding() in %s', (_generation, load) => {
  it('makes vectors over the target that is alive', async () => {
    const { embedMany } = await load();
    const { llm } = await start();

    const { embeddings, usage, providerMetadata } = await embedMany({
      model: llm.embedding(),
      values: ['one', 'two', 'three'],
    });

    expect(embeddings).toEqual([[0, 0, 0, 0], [1, 1, 1, 1], [2, 2, 2, 2]]); // prettier-ignore
    expect(usage.tokens).toBe(3);
    expect(providerMetadata?.['resilience']).toMatchObject({ provider: 'second', fallbackLevel: 1, attempts: 3 });
    expect(llm.metrics()).toMatchObject({ calls: 1, completed: 1, inputTokens: 3 });
  });

  it('splits what no target takes at once', async () => {
    const { embedMany } = await load();
    first.answer = vectors(4);
    const { llm } = await start();

    const { embeddings } = await embedMany({ model: llm.embedding(), values: Array.from({ length: 2050 }, () => 'x') });

    expect(embeddings).toHaveLength(2050);
    expect(first.asked.map(({ body }) => (body['input'] as string[]).length).sort()).toEqual([2, 2048]);
  });
});

describe('the targets of llm.embedding()', () => {
  const embed = async (name?: string) => {
    const { embed: ask } = await import('ai');
    return ask({ model: app.llm.embedding(name), value: 'x', maxRetries: 0 });
  };

  it.each<[string, Answering]>([
    ['of another length than those before', vectors(3)],
    ['for fewer texts', vectors(4, () => 0)],
    ['without numbers', vectors(0)],
  ])('are left for the next one when they make vectors %s', async (_what, answer) => {
    first.answer = vectors(4);
    await start({ retry: false });
    await embed();
    first.answer = answer;

    const { providerMetadata } = await embed();

    expect(providerMetadata?.['resilience']).toMatchObject({ provider: 'second', attempts: 2 });
  });

  it('hold to the length that is configured', async () => {
    first.answer = vectors(4);
    await start({ dimensions: 8, retry: false }, { dimensions: 8, retry: false });

    await expect(embed()).rejects.toThrow('a vector of 4 numbers, where 8 were expected');
  });

  it('may be models of the AI SDK', async () => {
    first.answer = vectors(4);
    const model = createOpenAI({ apiKey: 'k', baseURL: first.baseURL }).embedding('text-embedding-3-small');
    app = await startChain({
      providers: [{ name: 'offline', kind: 'offline', model: 'e' }],
      embeddings: [{ name: 'own', model }],
    });

    const { providerMetadata } = await embed('text-embedding-3-small');

    expect(providerMetadata?.['resilience']).toMatchObject({ provider: 'own', fallbackLevel: 0 });
  });

  it.each<[string, Partial<LlmEmbeddingOptions>[], string]>([
    ['other lengths', [{ dimensions: 4 }, { dimensions: 5 }], 'dimensions: got 5, expected 4, as first:m has'],
    ['one target twice', [{ name: 'a' }, { name: 'a' }], 'each model of a provider once'],
    ['a kind that makes none', [{ kind: 'anthropic' as 'openai' }], "one of 'openai', 'ollama', 'openai-compatible'"],
    ['an unknown option', [{ dimension: 4 } as object], "did you mean 'dimensions'?"],
  ])('are refused with %s', async (_what, more, words) => {
    await expect(start(...more)).rejects.toThrow(words);
  });

  it('must be there when they are asked for', async () => {
    app = await startChain({ providers: [{ name: 'offline', kind: 'offline', model: 'e' }] });

    expect(() => app.llm.embedding()).toThrow("a target in 'embeddings' of LlmModule");
  });
});
