import { afterEach, describe, expect, it } from '@jest/globals';
import type { EventSink } from '@nest-resilience/core';
import { inspect } from 'node:util';
import { z } from 'zod';
import { type LlmApp, startLlmApp } from '../test/llm-app.fixture.js';

/** Listens to the events of this package, as an application would. */
class Recorder implements EventSink {
  readonly heard: [string, object][] = [];
  listens = (name: string) => name.startsWith('resilience.llm.');
  emit = (name: string, payload: object) => void this.heard.push([name, payload]);
}

async function drain(stream: AsyncIterable<string>): Promise<void> {
  for await (const _text of stream);
}

describe('events of LLM calls', () => {
  let app: LlmApp;
  const events = new Recorder();
  afterEach(async () => {
    events.heard.length = 0;
    await app.close();
  });

  it('tell of healing, falling back and the answer', async () => {
    app = await startLlmApp({ resilience: { events }, heals: 1, retry: false });
    app.openai.onMessage(/./, { content: 'no JSON' });
    app.anthropic.onMessage(/./, { content: '{"n":1}' });

    await app.llm.complete({ prompt: 'a number', schema: z.object({ n: z.number() }) });

    expect(events.heard).toMatchObject([
      ['resilience.llm.healed', { provider: 'openai', heal: 1 }],
      [
        'resilience.llm.fell-back',
        { from: { provider: 'openai' }, to: { provider: 'anthropic' }, fallbackLevel: 1, reason: 'invalid_output' },
      ],
      ['resilience.llm.completed', { provider: 'anthropic', fallbackLevel: 1, attempts: 3, stream: false }],
    ]);
  });

  it('carry no text of the answer', async () => {
    app = await startLlmApp({ resilience: { events } });
    app.openai.onMessage(/./, { content: 'a secret' });

    await app.llm.complete({ prompt: 'tell me' });

    expect(JSON.stringify(events.heard)).not.toContain('a secret');
  });

  it.each([
    ['refused', { status: 500, error: { message: 'boom' } }, {}],
    ['broken off', { content: 'one two three four five six' }, { chunkSize: 4, truncateAfterChunks: 3 }],
  ])('carry no text of a request that was %s', async (_what, response, options) => {
    app = await startLlmApp({ resilience: { events }, offline: false, anthropic: false, retry: false });
    app.openai.onMessage(/./, response, options);

    await app.llm.complete({ prompt: 'my secret' }).catch(() => undefined);
    await drain(app.llm.stream({ prompt: 'my secret' })).catch(() => undefined);

    expect(events.heard.length).toBeGreaterThan(0);
    expect(inspect(events.heard, { depth: 20, showHidden: true })).not.toContain('my secret');
  });

  it('tell why a call failed for good', async () => {
    app = await startLlmApp({ resilience: { events }, offline: false, anthropic: false, retry: false });
    app.openai.onMessage(/./, { status: 401, error: { message: 'no' } });

    await app.llm.complete({ prompt: 'hello' }).catch(() => undefined);

    expect(events.heard).toMatchObject([
      ['resilience.llm.failed', { reason: 'auth', tries: [{ outcome: 'failed' }], stream: false }],
    ]);
  });
});
