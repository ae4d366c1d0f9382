import { afterEach, describe, expect, it } from '@jest/globals';
import { ResilienceModule } from '@nest-resilience/core';
import { LlmModule, type LlmProviderOptions, LlmService } from '@nest-resilience/llm';
import { MemoryExecutionStore, workflow, WorkflowModule, WorkflowService } from '@nest-resilience/workflow';
import { Test, type TestingModule } from '@nestjs/testing';

/** Nobody listens there. */
const DEAD: LlmProviderOptions = {
  name: 'dead',
  kind: 'ollama',
  model: 'm',
  baseURL: 'http://127.0.0.1:1',
  retry: false,
};
const OFFLINE: LlmProviderOptions = { name: 'offline', kind: 'offline', model: 'extractive' };
const TEXTS = Array.from(
  { length: 30 },
  (_, index) => `Document ${index}. It says something, and then something else.`,
);
const schema = {
  type: 'object',
  required: ['summary', 'relevance'],
  properties: { summary: { type: 'string' }, relevance: { type: 'number' } },
} as const;

const summaries = (name: string, degraded?: 'accept' | 'refuse', answer: typeof schema | null = schema) =>
  workflow(name)
    .node('map', {
      each: {
        items: 'input.texts',
        partial: true,
        llm: { prompt: 'Summarise: {{ item }}', ...(answer && { schema: answer }), ...(degraded && { degraded }) },
      },
    })
    .node('seen', {
      after: 'map',
      transform: {
        degraded: '$.served.map.degraded',
        items: '{{ [map.successes.degraded] }}',
        level: '$.served.map.level',
      },
    })
    .build();

let app: TestingModule | undefined;
afterEach(() => app?.close());

async function start(providers: LlmProviderOptions[] = [DEAD, OFFLINE]) {
  app = await Test.createTestingModule({
    imports: [
      ResilienceModule.forRoot(),
      LlmModule.forRoot({ providers, health: { enabled: false } }),
      WorkflowModule.forRootAsync({
        inject: [LlmService],
        useFactory: (llm: LlmService) => ({
          llm,
          store: new MemoryExecutionStore(),
          definitions: [summaries('refusing'), summaries('accepting', 'accept'), summaries('texts', undefined, null)],
        }),
      }),
    ],
  }).compile();
  await app.init();
  return app;
}

describe('thirty documents, with the model dead', () => {
  const run = async (name: string) => {
    const { id } = await (await start()).get(WorkflowService).start(name, { texts: TEXTS });
    return (app as TestingModule).get(WorkflowService).wait(id);
  };
  const partial = (output: unknown) =>
    (output as { map: { successes: object[]; failures: object[] } }).map ?? { successes: [], failures: [] };

  it('no schema is filled without a model unless the node says so', async () => {
    const ledger = await run('refusing');

    const map = ledger.nodes.find(({ node }) => node === 'map');
    const { successes, failures } = partial({ map: map?.result });
    expect([successes.length, failures.length]).toEqual([0, 30]);
    expect(failures[0]).toMatchObject({ error: { code: 'RESILIENCE_LLM_UNAVAILABLE' } });
  });

  it.each(['accepting', 'texts'])('%s: each item says that it is degraded, and expressions see it', async (name) => {
    const ledger = await run(name);

    const map = ledger.nodes.find(({ node }) => node === 'map');
    const { successes } = partial({ map: map?.result });
    expect(successes).toHaveLength(30);
    for (const item of successes) expect(item).toMatchObject({ provider: 'offline', level: 1, degraded: true });
    expect(ledger).toMatchObject({
      degraded: true,
      output: { seen: { degraded: true, level: 1, items: TEXTS.map(() => true) } },
    });
  });
});

describe('one call', () => {
  it.each<[what: string, request: object, served: boolean]>([
    ['with a schema', { schema }, false],
    ['with a schema that takes it', { schema, degraded: 'accept' }, true],
    ['for text', {}, true],
    ['for text that refuses it', { degraded: 'refuse' }, false],
  ])('%s is answered by offline: see the last column', async (_what, request, served) => {
    const llm = (await start()).get(LlmService);

    const ended = await llm.complete({ prompt: 'Summarise: a text', ...request }).then(
      ({ degraded }) => degraded,
      (error: { code: string }) => error.code,
    );

    expect(ended).toBe(served || 'RESILIENCE_LLM_UNAVAILABLE');
  });

  it('says what to do when text processing is all there is', async () => {
    const llm = (await start([OFFLINE])).get(LlmService);

    await expect(llm.complete({ prompt: 'x', schema })).rejects.toThrow("give degraded: 'accept' to allow it");
  });

  it('is refused with another word', async () => {
    const llm = (await start()).get(LlmService);

    await expect(llm.complete({ prompt: 'x', degraded: 'maybe' as never })).rejects.toThrow(
      "expected one of 'accept', 'refuse'",
    );
  });
});
