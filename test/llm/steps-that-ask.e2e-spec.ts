import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '@nest-resilience/core/kit';
import { LlmModule, type LlmProviderOptions, LlmService } from '@nest-resilience/llm';
import { workflow } from '@nest-resilience/workflow';
import { Application } from '../workflow-rows/application.js';

let app: Application | undefined;
let vendor: Server | undefined;
afterEach(async () => {
  await app?.close();
  vendor?.closeAllConnections();
  vendor?.close();
});

const COST = { inputPerMillion: 10_000, outputPerMillion: 100_000 };

/** A model that answers what it is told to, for 100 tokens in and 10 out. */
async function startVendor(answer: string): Promise<LlmProviderOptions> {
  vendor = createServer((request, response) => {
    request.resume();
    const message = { role: 'assistant', content: answer };
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({
        ...{ id: 'c', object: 'chat.completion', created: 1, model: 'm' },
        choices: [{ index: 0, message, finish_reason: 'stop' }],
        usage: { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 },
      }),
    );
  });
  await new Promise<void>((resolve) => vendor?.listen(0, '127.0.0.1', resolve));
  const baseURL = `http://127.0.0.1:${(vendor.address() as AddressInfo).port}/v1`;
  return { name: 'vendor', kind: 'openai-compatible', model: 'm', baseURL, cost: COST };
}

async function start(provider: LlmProviderOptions): Promise<Application> {
  const ask = (schema?: object) =>
    app?.get(LlmService).complete({ prompt: 'hello', ...(schema && { schema: { ...schema } }) });
  const llm = { complete: (request: never) => app!.get(LlmService).complete(request) } as never;
  app = await Application.start({
    clock: systemClock,
    llm,
    imports: [LlmModule.forRoot({ providers: [provider], health: { enabled: false }, heals: 1, retry: false })],
    definitions: [
      workflow('twice').node('asks', { run: async () => [(await ask())?.text, (await ask())?.text] }),
      workflow('fails', { deadLetter: false }).node('asks', { run: () => ask({ type: 'object' }) }),
      workflow('mends').node('asks', { run: async () => (await ask({ required: ['a'] }))?.object }),
      workflow('node').node('asks', { llm: { prompt: 'hello' } }),
      workflow('nothing').node('asks', { run: () => 1 }),
    ],
  });
  return app;
}

describe('a step that asks a model by itself', () => {
  it('has its tokens, its cost and its tries in the ledger', async () => {
    const { run } = await start(await startVendor('fine')).then((one) => ({ run: one.run.bind(one) }));

    const { nodes, totals } = await run('twice');

    expect(nodes).toMatchObject([
      { usage: { inputTokens: 200, outputTokens: 20 }, costUsd: expect.closeTo(4, 9), provider: 'vendor' },
    ]);
    expect(nodes[0]?.attempts[0]?.tries).toMatchObject([{ outcome: 'ok' }, { outcome: 'ok' }]);
    expect(totals).toMatchObject({ inputTokens: 200, outputTokens: 20, costUsd: expect.closeTo(4, 9) });
  });

  it('has the cost of answers that nobody could use, once', async () => {
    const { nodes } = await (await start(await startVendor('no'))).run('fails');

    expect(nodes).toMatchObject([{ status: 'failed', costUsd: expect.closeTo(4, 9) }]);
    expect(nodes[0]?.attempts[0]?.tries).toMatchObject([{ outcome: 'invalid' }, { outcome: 'invalid' }]);
  });

  it('says what was mended about an answer', async () => {
    const { nodes } = await (await start(await startVendor('{"a":1,}'))).run('mends');

    expect(nodes[0]).toMatchObject({ result: { a: 1 }, attempts: [{ tries: [{ mended: ['trailing commas'] }] }] });
  });

  it('is counted like a node that asks, which is counted once', async () => {
    const { nodes } = await (await start(await startVendor('fine'))).run('node');

    expect(nodes).toMatchObject([{ usage: { inputTokens: 100, outputTokens: 10 }, costUsd: expect.closeTo(2, 9) }]);
    expect(nodes[0]?.attempts[0]?.tries).toHaveLength(1);
  });
});

describe('a model whose price nobody knows', () => {
  it.each(['twice', 'node'])('costs nothing that is told anywhere: %s', async (name) => {
    const { cost: _, ...provider } = await startVendor('fine');
    const { run, workflows } = await start(provider).then((one) => ({
      run: one.run.bind(one),
      workflows: one.workflows,
    }));

    const { nodes, totals } = await run(name);

    expect(nodes[0]?.usage?.inputTokens).toBeGreaterThan(0);
    for (const told of [nodes[0], totals, await workflows.metrics(name)]) expect(told).not.toHaveProperty('costUsd');
  });

  it('does not hide that an execution without a model costs nothing', async () => {
    const { totals } = await (await start(await startVendor('fine'))).run('nothing');

    expect(totals.costUsd).toBe(0);
  });
});
