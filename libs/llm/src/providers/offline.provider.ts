import { fillSchema } from '../offline/fill-schema.js';
import { processText } from '../offline/process-text.js';
import { readTask } from '../offline/task.js';
import { ReadText } from '../offline/words.js';
import { NO_USAGE } from '../llm.result.js';
import type {
  LlmProvider,
  ProviderAnswer,
  ProviderCall,
  ProviderCheck,
  ProviderRequest,
  ProviderStreamPart,
} from './provider.js';

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

  async complete(request: ProviderRequest, { signal }: ProviderCall): Promise<ProviderAnswer> {
    signal.throwIfAborted();
    const task = readTask(request.messages);
    const read = await ReadText.read(task.text);
    signal.throwIfAborted();
    const text =
      request.jsonSchema === undefined
        ? processText(task, request.maxOutputTokens, read)
        : JSON.stringify(fillSchema(request.jsonSchema, read));
    return { text, usage: NO_USAGE, finishReason: 'stop' };
  }

  async *stream(request: ProviderRequest, call: ProviderCall): AsyncGenerator<ProviderStreamPart> {
    const { text, usage, finishReason } = await this.complete(request, call);
    for (const word of text.match(/\S+\s*|\s+/g) ?? []) yield { type: 'text', text: word };
    yield { type: 'finish', usage, finishReason };
  }

  /** Nothing to reach, so always reachable. */
  check(): Promise<ProviderCheck> {
    return Promise.resolve({ kind: 'free' });
  }
}
