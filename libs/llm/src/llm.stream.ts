import type { LlmChain } from './chain/llm-chain.js';
import type { LlmTarget } from './chain/llm-target.js';
import { AnswerStream, type CallScope } from './chain/answer-stream.js';
import type { ModelPart, ModelRequest } from './providers/model-call.js';

/**
 * The text of an answer as it comes. Nothing is sent before the iteration begins; it can be iterated once. Leaving it early
 * ends the request upstream.
 *
 * Another provider takes over only as long as no text has come: a stream that breaks later throws
 * {@link LlmStreamInterruptedError} with the text so far. `reasoning` has the thoughts so far of a model that tells them.
 */
export class LlmStream extends AnswerStream<string> {
  constructor(chain: LlmChain, targets: readonly LlmTarget[], request: ModelRequest, settings: CallScope) {
    super(chain, targets, request, settings, textOf);
  }
}

function textOf(part: ModelPart): string | undefined {
  return part.type === 'text-delta' && part.delta !== '' ? part.delta : undefined;
}
