/** What the chain of models adds to a call of the AI SDK, and to each part of a streamed answer. The model answers at once. */
import { ReadableStream } from 'node:stream/web';
import { LlmModule, LlmService } from '@nest-resilience/llm';
import { ResilienceModule } from '@nest-resilience/core';
import { generateText } from 'ai';
import { startApplication } from './harness/application.mjs';
import { interleave } from './harness/interleave.mjs';
import { atMostOver, report } from './harness/report.mjs';

const PARTS = 200;
/** A slice has a hundred calls at least, and a stream is long. */
const ROUNDS = { rounds: 40 };
const BARE = 'bare model of the AI SDK';
const OURS = 'ours: llm.model()';
const DOOR = 'ours: llm.complete(), llm.stream()';

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};
const finishReason = { unified: 'stop', raw: 'stop' };

/** As the provider packages make one, without the wire. */
const model = {
  specificationVersion: 'v3',
  provider: 'none',
  modelId: 'm',
  supportedUrls: {},
  doGenerate: async () => ({ content: [{ type: 'text', text: 'Hi' }], finishReason, usage, warnings: [] }),
  doStream: async () => {
    let sent = 0;
    const pull = (controller) => {
      if (sent === 0) controller.enqueue({ type: 'text-start', id: '0' });
      if (sent++ < PARTS) return controller.enqueue({ type: 'text-delta', id: '0', delta: 'word ' });
      controller.enqueue({ type: 'text-end', id: '0' });
      controller.enqueue({ type: 'finish', finishReason, usage });
      controller.close();
    };
    return { stream: new ReadableStream({ pull }, { highWaterMark: 0 }) };
  },
};

async function read(stream) {
  let parts = 0;
  for await (const _part of stream) parts++;
  return parts;
}

const llmModule = LlmModule.forRoot({ providers: [{ name: 'a', model }], health: { enabled: false } });
const application = await startApplication([], [ResilienceModule.forRoot(), llmModule]);
const llm = application.get(LlmService);
const chain = llm.model();
const prompt = 'Say hi';
const asked = { prompt: [{ role: 'user', content: [{ type: 'text', text: prompt }] }] };
const calls = await interleave(
  [
    { name: BARE, call: () => model.doGenerate(asked) },
    { name: OURS, call: () => chain.doGenerate(asked) },
    { name: DOOR, call: () => llm.complete({ prompt }) },
  ],
  ROUNDS,
);
const whole = await interleave(
  [
    { name: 'generateText over the model', call: () => generateText({ model, prompt }) },
    { name: 'generateText over llm.model()', call: () => generateText({ model: chain, prompt }) },
  ],
  ROUNDS,
);
const parts = await interleave(
  [
    { name: BARE, call: async () => read((await model.doStream(asked)).stream) },
    { name: OURS, call: async () => read((await chain.doStream(asked)).stream) },
    { name: DOOR, call: () => read(llm.stream({ prompt })) },
  ],
  ROUNDS,
);
await application.close();

report({
  what: 'A call of a model through the chain',
  unit: 'ns',
  ours: OURS,
  results: calls,
  goals: [atMostOver(50_000, calls, OURS, BARE, 'over the model alone, a call')],
});
report({
  what: 'The same inside of generateText',
  unit: 'ns',
  ours: 'generateText over llm.model()',
  results: whole,
  goals: [],
});
const each = parts.dividedBy(PARTS);
report({
  what: 'A streamed answer of 200 parts, per part',
  unit: 'ns',
  ours: OURS,
  results: each,
  goals: [atMostOver(5_000, each, OURS, BARE, "over the model's own stream, a part")],
});
