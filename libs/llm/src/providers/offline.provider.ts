import type { JsonSchema } from '../llm.request.js';
import { fillSchema } from '../offline/fill-schema.js';
import { processText } from '../offline/process-text.js';
import { readTask } from '../offline/task.js';
import { ReadText } from '../offline/words.js';
import { textOf } from '../chain/prompt-text.js';
import type { ModelAnswer, ModelPart, ModelRequest } from './model-call.js';
import type { LlmProvider, ProviderCall, ProviderCheck } from './provider.js';

const NOTHING: ModelAnswer['usage'] = {
  inputTokens: { total: 0, noCache: 0, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 0, text: 0, reasoning: 0 },
};

/**
 * Answers without any network: the best sentences, the most telling words, the label with the most evidence. The same
 * request always gets the same answer. It understands nothing, and every answer it serves is marked `degraded`.
 */
export class OfflineProvider implements LlmProvider {
  readonly kind = 'offline';

  constructor(
    readonly name: string,
    readonly model: string,
  ) {}

  async generate(request: ModelRequest, { signal }: ProviderCall): Promise<ModelAnswer> {
    signal.throwIfAborted();
    const task = readTask(textOf(request.prompt));
    const read = await ReadText.read(task.text);
    signal.throwIfAborted();
    const { responseFormat, maxOutputTokens } = request;
    const text =
      responseFormat?.type === 'json' && responseFormat.schema !== undefined
        ? JSON.stringify(fillSchema(responseFormat.schema as JsonSchema, read))
        : processText(task, maxOutputTokens, read);
    return {
      content: [{ type: 'text', text }],
      usage: NOTHING,
      finishReason: { unified: 'stop', raw: 'stop' },
      warnings: [],
    };
  }

  async *stream(request: ModelRequest, call: ProviderCall): AsyncGenerator<ModelPart> {
    const { content, usage, finishReason } = await this.generate(request, call);
    const [answer] = content;
    yield { type: 'text-start', id: '0' };
    for (const word of (answer?.type === 'text' && answer.text.match(/\S+\s*|\s+/g)) || [])
      yield { type: 'text-delta', id: '0', delta: word };
    yield { type: 'text-end', id: '0' };
    yield { type: 'finish', usage, finishReason };
  }

  /** Nothing to reach, so always reachable. */
  check(): Promise<ProviderCheck> {
    return Promise.resolve({ kind: 'free' });
  }
}
