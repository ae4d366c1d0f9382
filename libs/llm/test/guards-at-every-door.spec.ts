import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { embedMany, generateText, jsonSchema, Output, stepCountIs, streamText, tool, ToolLoopAgent } from 'ai';
import { z } from 'zod';
import type { LlmModuleOptions } from '../src/index.js';
import { type ChainApp, chat, dead, json, startChain, startVendor, toolCall, type Vendor, words } from './vendor.fixture.js'; // prettier-ignore

let vendor: Vendor;
let app: ChainApp;
beforeEach(async () => {
  vendor = await startVendor(json(200, chat('Ask ann@mail.example')));
});
afterEach(() => Promise.all([app.close(), vendor.close()]));

async function start(options: Omit<LlmModuleOptions, 'providers'>, offline = false) {
  const { baseURL } = vendor;
  const access = { name: 'v', kind: 'openai-compatible', baseURL } as const;
  app = await startChain({
    providers: [
      { ...access, model: 'm' },
      ...(offline ? [{ name: 'offline', kind: 'offline', model: 'extractive' } as const] : []),
    ],
    embeddings: [{ ...access, model: 'e' }],
    ...options,
  });
  return app.llm;
}

const sent = () => JSON.stringify(vendor.asked.map(({ body }) => body));

describe('guards before', () => {
  it('read what tools were given and gave, and the rest of the conversation', async () => {
    const llm = await start({ guards: { before: { redact: true } } });
    vendor.answer = (response, asked, count) =>
      (count === 1
        ? json(200, chat({ content: null, tool_calls: [toolCall('find', { name: 'ann@mail.example' })] }, 'tool_calls'))
        : json(200, chat('done')))(response, asked, count);

    const { text, providerMetadata } = await generateText({
      model: llm.model(),
      system: 'I am me@mail.example',
      prompt: 'Who is it?',
      stopWhen: stepCountIs(2),
      tools: {
        find: tool({
          inputSchema: z.object({ name: z.string() }),
          execute: ({ name }) => ({ [name]: [{ card: 4111111111111111 }, 'DE89 3704 0044 0532 0130 00'] }),
        }),
      },
    });

    expect(text).toBe('done');
    expect(sent()).not.toMatch(/@mail|4111|3704/);
    expect(vendor.asked[1]?.body['messages']).toMatchObject([
      { content: 'I am [email]' },
      { content: 'Who is it?' },
      { tool_calls: [{ function: { arguments: '{"name":"[email]"}' } }] },
      { content: '{"[email]":[{"card":"[card]"},"[iban]"]}' },
    ]);
    expect(providerMetadata?.['resilience']).toMatchObject({
      guards: Array.from({ length: 5 }, () => ({ when: 'before', guard: 'redact', count: 1 })),
    });
  });

  it('refuse at every door alike, before anything is sent', async () => {
    const llm = await start({ guards: { before: { maxChars: 5 } } });
    const refused = { code: 'RESILIENCE_LLM_REFUSED', when: 'before' };
    const errors: unknown[] = [];
    const stream = streamText({ model: llm.model(), prompt: 'too long', onError: ({ error }) => void errors.push(error) }); // prettier-ignore

    await stream.consumeStream();
    await expect(llm.complete({ prompt: 'too long' })).rejects.toMatchObject(refused);
    await expect(generateText({ model: llm.model(), prompt: 'too long' })).rejects.toMatchObject(refused);
    await expect(new ToolLoopAgent({ model: llm.model() }).generate({ prompt: 'too long' })).rejects.toMatchObject(
      refused,
    );
    await expect(embedMany({ model: llm.embedding(), values: ['too', 'long'] })).rejects.toMatchObject(refused);

    expect(errors).toMatchObject([refused]);
    expect(vendor.asked).toHaveLength(0);
  });

  it('read the texts of which vectors are made', async () => {
    const llm = await start({ guards: { before: { redact: ['email'], check: (text) => text.toUpperCase() } } });
    vendor.answer = json(200, { data: [{ embedding: [1, 2], index: 0, object: 'embedding' }, { embedding: [3, 4], index: 1, object: 'embedding' }] }); // prettier-ignore

    await embedMany({ model: llm.embedding(), values: ['to ann@mail.example', 'b'] });

    expect(vendor.asked[0]?.body['input']).toEqual(['TO [EMAIL]', 'B']);
  });

  it('are told who it is for, and what kind of text it is', async () => {
    const seen: unknown[] = [];
    const llm = await start({ guards: { before: { check: (_text, { what, tenant }) => void seen.push([what, tenant]) } } }); // prettier-ignore
    const call = { type: 'tool-call', toolCallId: '1', toolName: 't', input: {} } as const;

    await generateText({
      model: llm.model(),
      messages: [
        { role: 'user', content: 'x' },
        { role: 'assistant', content: [{ type: 'reasoning', text: 'hm' }, call] },
        { role: 'tool', content: [{ ...call, type: 'tool-result', output: { type: 'text', value: 'y' } }] },
      ],
      providerOptions: { resilience: { tenant: 'a' } },
    });

    expect(seen).toEqual([['text', 'a'], ['thought', 'a'], ['tool', 'a']]); // prettier-ignore
  });

  it('read streams, and are in their record', async () => {
    const llm = await start({ guards: { before: { redact: ['email'] } } });
    vendor.answer = words('hi');

    const { providerMetadata } = streamText({ model: llm.model(), prompt: 'to me@mail.example' });
    const stream = llm.stream({ prompt: 'to me@mail.example' });
    for await (const _ of stream);

    const guards = [{ when: 'before', guard: 'redact', count: 1 }];
    expect(await stream.result).toMatchObject({ guards });
    expect(await providerMetadata).toMatchObject({ resilience: { guards } });
    expect(sent()).not.toContain('me@mail');
  });
});

describe('guards after', () => {
  it('read texts, thoughts and what tools are to be given', async () => {
    const llm = await start({ guards: { after: { redact: true } } });
    const find = toolCall('find', { to: 'ann@mail.example', n: 7 });
    const message = {
      content: 'Ask bob@mail.example',
      reasoning_content: 'is it ann@mail.example?',
      tool_calls: [find],
    };
    vendor.answer = json(200, chat(message, 'tool_calls'));

    const result = await generateText({
      model: llm.model(),
      prompt: 'x',
      tools: { find: tool({ inputSchema: z.object({ to: z.string(), n: z.number() }) }) },
    });

    expect(result).toMatchObject({ text: 'Ask [email]', reasoningText: 'is it [email]?' });
    expect(result.toolCalls).toMatchObject([{ input: { to: '[email]', n: 7 } }]);
    expect(JSON.stringify([result.response, result.steps])).not.toContain('@mail');
  });

  it('read the thoughts of complete() too', async () => {
    const llm = await start({ guards: { after: { redact: true } } });
    vendor.answer = json(200, chat({ content: 'ok', reasoning_content: 'it is ann@mail.example' }));

    expect(await llm.complete({ prompt: 'x' })).toMatchObject({ text: 'ok', reasoning: 'it is [email]' });
  });

  it('leave an object that still matches its schema, or none', async () => {
    const llm = await start({ guards: { after: { redact: true } }, heals: 0 });
    vendor.answer = json(200, chat('{"to":"ann@mail.example"}'));
    const ask = (to: object) =>
      generateText({
        model: llm.model(),
        prompt: 'x',
        output: Output.object({ schema: jsonSchema<object>({ type: 'object', properties: { to } }) }),
      });

    expect((await ask({ type: 'string' })).output).toEqual({ to: '[email]' });
    await expect(ask({ const: 'ann@mail.example' })).rejects.toMatchObject({ code: 'RESILIENCE_LLM_REFUSED' });
  });

  it('refuse streams at every door with the same words', async () => {
    const llm = await start({ guards: { after: { redact: true } } });
    const words = /expected complete\(\): guards\.after reads whole texts, which a stream does not wait for/;
    const errors: unknown[] = [];
    const stream = streamText({ model: llm.model(), prompt: 'x', onError: ({ error }) => void errors.push(error) });

    await stream.consumeStream();

    expect(errors).toEqual([expect.objectContaining({ message: expect.stringMatching(words) })]);
    expect(() => llm.stream({ prompt: 'x' })).toThrow(words);
    expect(vendor.asked).toHaveLength(0);
  });
});

describe('answers that are kept', () => {
  it('answer an equal call of a model, with its tools, without cost', async () => {
    const llm = await start({ cache: '1m', guards: { after: { redact: true } } });
    vendor.answer = json(
      200,
      chat({ content: null, tool_calls: [toolCall('find', { to: 'ann@mail.example' })] }, 'tool_calls'),
    );
    const ask = (resilience = {}) =>
      generateText({
        model: llm.model(),
        prompt: 'x',
        tools: { find: tool({ inputSchema: z.object({ to: z.string() }) }) },
        providerOptions: { resilience },
      });

    const [first, second] = [await ask(), await ask()];

    expect(second.toolCalls).toEqual(first.toolCalls);
    expect(second).toMatchObject({ finishReason: 'tool-calls', usage: { totalTokens: 0 } });
    expect(second.providerMetadata?.['resilience']).toMatchObject({ cached: true, attempts: 0, costUsd: 0 });
    expect(vendor.asked).toHaveLength(1);
    await ask({ tenant: 'b' });
    await ask({ cache: false });
    expect(vendor.asked).toHaveLength(3);
  });

  it('are matched with the schema of the call', async () => {
    const llm = await start({ cache: '1m' });
    vendor.answer = json(200, chat('Here: {"total":5}'));
    const ask = () =>
      generateText({ model: llm.model(), prompt: 'x', output: Output.object({ schema: z.object({ total: z.number() }) }) }); // prettier-ignore

    expect([(await ask()).output, (await ask()).output]).toEqual([{ total: 5 }, { total: 5 }]);
    expect(vendor.asked).toHaveLength(1);
  });
});

describe('a call of a model', () => {
  it('with a schema is not answered by text processing, unless it says so', async () => {
    const llm = await start({}, true);
    vendor.answer = dead;
    const output = Output.object({ schema: z.object({ total: z.number() }) });
    const ask = (resilience = {}) =>
      generateText({ model: llm.model(), prompt: 'The total: 5', output, providerOptions: { resilience } });

    await expect(ask()).rejects.toMatchObject({ code: 'RESILIENCE_LLM_UNAVAILABLE' });
    expect((await ask({ degraded: 'accept' })).output).toEqual({ total: 5 });
    expect((await generateText({ model: llm.model(), prompt: 'A text.' })).providerMetadata).toMatchObject({
      resilience: { degraded: true },
    });
  });

  it('is refused with settings that do not exist', async () => {
    const llm = await start({});
    const ask = (resilience: Record<string, string>) =>
      generateText({ model: llm.model(), prompt: 'x', providerOptions: { resilience } });

    await expect(ask({ tenat: 'a' })).rejects.toThrow(
      /LlmService\.model\(\) > providerOptions > resilience > tenat: .*did you mean 'tenant'/,
    );
    await expect(ask({ degraded: 'yes' })).rejects.toThrow(/resilience > degraded: got 'yes', expected/);
  });
});
