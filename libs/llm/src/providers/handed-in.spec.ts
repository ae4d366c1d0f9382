import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createOpenAI } from '@ai-sdk/openai';
import type { LlmSdkModel } from '../options/model.options.js';
import {
  type ChainApp,
  chat,
  dead,
  events,
  chunk,
  json,
  startChain,
  startVendor,
  type Vendor,
} from '../../test/vendor.fixture.js';

const major = Number(process.versions.node.split('.')[0]);
if (major < 22) console.warn(`the packages of ai 7 need Node 22: their models are not tried on ${process.version}`);

type Create = (settings: { readonly apiKey: string; readonly baseURL: string }) => {
  readonly chat: (name: string) => unknown;
};

const PACKAGES: readonly (readonly [string, () => Promise<Create>])[] = [
  ['@ai-sdk/openai 3', () => Promise.resolve(createOpenAI)],
  ...(major < 22
    ? []
    : [['@ai-sdk/openai 4', async () => (await import('ai-sdk-openai-4')).createOpenAI as Create] as const]),
];

describe.each(PACKAGES)('a model of %s as a target', (_package, load) => {
  let first: Vendor;
  let second: Vendor;
  let app: ChainApp;

  beforeEach(async () => {
    [first, second] = [await startVendor(dead), await startVendor(dead)];
    const create = await load();
    const model = (vendor: Vendor) =>
      create({ apiKey: 'k', baseURL: vendor.baseURL }).chat('gpt-4o-mini') as LlmSdkModel;
    app = await startChain({
      providers: [
        { name: 'first', model: model(first), cost: { inputPerMillion: 1, outputPerMillion: 1 } },
        { name: 'second', model: model(second) },
      ],
    });
  });
  afterEach(() => Promise.all([app.close(), first.close(), second.close()]));

  it('stands in the chain like any other, with its circuit and its cost', async () => {
    second.answer = json(200, chat('hello'));

    const result = await app.llm.complete({ prompt: 'x' });

    expect(result).toMatchObject({ text: 'hello', provider: 'second', model: 'gpt-4o-mini', fallbackLevel: 1 });
    expect(app.resilience.circuit('llm:first:gpt-4o-mini').snapshot().failures).toBe(2);
    expect(app.llm.targets()).toMatchObject([{ kind: 'ai-sdk', provider: 'first' }, { kind: 'ai-sdk' }]);
  });

  it('streams', async () => {
    second.answer = events(chunk({ content: 'hel' }), chunk({ content: 'lo' }), chunk({}, 'stop'));

    const texts: string[] = [];
    for await (const text of app.llm.stream({ prompt: 'x' })) texts.push(text);

    expect(texts).toEqual(['hel', 'lo']);
  });

  it('is sent images', async () => {
    first.answer = json(200, chat('a cat'));
    const data = new Uint8Array([0x89, 0x50, 0x4e, 0x47]);

    await app.llm.complete({
      messages: [{ role: 'user', content: [{ type: 'file', data, mediaType: 'image/png' }] }],
    });

    expect(first.asked[0]?.body['messages']).toEqual([
      {
        role: 'user',
        content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw==' } }],
      },
    ]);
  });
});

describe('a model that is handed in', () => {
  const model = createOpenAI({ apiKey: 'k' }).chat('m');
  const start = (provider: object) => startChain({ providers: [provider as never] });

  it.each([
    ['a kind beside it', { name: 'a', kind: 'openai', model }, 'nothing beside a model of the AI SDK'],
    ['a name without a kind', { name: 'a', model: 'm' }, "one of 'openai', 'anthropic'"],
    [
      'an older model',
      { name: 'a', model: { ...model, specificationVersion: 'v2', modelId: 'm', doGenerate() {}, doStream() {} } },
      'a model of specification v2',
    ],
    ['no model at all', { name: 'a', model: { modelId: 'm' } }, 'or a model of the AI SDK 6 or 7'],
    ['the same model twice', { name: 'a', model, models: [model] }, 'each model once'],
  ])('is refused with %s', async (_what, provider, words) => {
    await expect(start(provider)).rejects.toThrow(words);
  });
});
