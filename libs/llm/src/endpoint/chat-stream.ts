import { Readable } from 'node:stream';
import type { ModelPart } from '../providers/model-call.js';
import { type AnswerHead, ChatChunks } from './chat-answer.js';
import { errorAnswer } from './error-answer.js';

export type Finish = Extract<ModelPart, { type: 'finish' }>;

export interface ChatStream {
  readonly head: AnswerHead;
  readonly includeUsage: boolean;
  readonly parts: ReadableStream<ModelPart>;
  readonly finished: (finish: Finish) => void;
}

/** A streamed answer as server-sent events. Destroying it leaves the call, which ends the request upstream. */
export function chatStream(stream: ChatStream): Readable {
  return Readable.from(framesOf(stream), { objectMode: false });
}

async function* framesOf({ head, includeUsage, parts, finished }: ChatStream): AsyncGenerator<string> {
  const chunks = new ChatChunks(head, includeUsage);
  for await (const part of parts as AsyncIterable<ModelPart>) {
    if (part.type === 'error') {
      yield frame(errorAnswer(part.error).getResponse());
      return;
    }
    if (part.type === 'finish') finished(part);
    const made = chunks.of(part).map(frame).join('');
    if (made !== '') yield made;
  }
  yield 'data: [DONE]\n\n';
}

function frame(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}
