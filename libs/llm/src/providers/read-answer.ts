import type { LlmFinishReason, LlmUsage } from '../llm.result.js';
import { finishReasonOf } from './finish-reasons.js';
import { knownPart } from './as-v3.js';
import type { ModelAnswer, ModelContent } from './model-call.js';
import { splitThoughts } from './thoughts.js';

/** What an answer comes to, whether it came whole or in parts. */
export interface AnswerFacts {
  readonly text: string;
  /** What the model thought before; empty when it did not tell. */
  readonly reasoning: string;
  readonly usage: LlmUsage;
  readonly finishReason: LlmFinishReason;
  /** Names of the tools that the caller is to run. */
  readonly toolCalls: readonly string[];
  /** Whether it holds something else that was made for the caller: an image, a file. */
  readonly hasFiles: boolean;
}

export interface ProviderAnswer extends AnswerFacts {
  readonly content: readonly ModelContent[];
  /** As the provider gave it. */
  readonly source: ModelAnswer;
}

/** Reads a whole answer. @throws when the provider itself says that it is not whole */
export function readAnswer(answer: ModelAnswer): ProviderAnswer {
  const content = withoutThoughts(answer.content.flatMap((part) => knownPart(part) ?? []));
  return {
    content,
    text: textIn(content, 'text'),
    reasoning: textIn(content, 'reasoning'),
    usage: usageOf(answer.usage),
    finishReason: finishReasonOf(answer.finishReason),
    toolCalls: content.flatMap((part) => (isCallersTool(part) ? [part.toolName] : [])),
    hasFiles: content.some(({ type }) => type === 'file'),
    source: answer,
  };
}

/** All that it says, or all that it thought. */
export function textIn(content: readonly ModelContent[], type: 'text' | 'reasoning'): string {
  return content.map((part) => (part.type === type && 'text' in part ? part.text : '')).join('');
}

/** A tool that the provider ran itself is its own business. */
export function isCallersTool<P extends { readonly type: string }>(
  part: P,
): part is P & { readonly type: 'tool-call'; readonly toolName: string } {
  return part.type === 'tool-call' && (part as { providerExecuted?: boolean }).providerExecuted !== true;
}

export function usageOf({ inputTokens: input, outputTokens: output }: ModelAnswer['usage']): LlmUsage {
  const inputTokens = input.total ?? 0;
  const outputTokens = output.total ?? 0;
  return {
    inputTokens,
    outputTokens,
    totalTokens: inputTokens + outputTokens,
    ...(input.cacheRead ? { cachedInputTokens: input.cacheRead } : {}),
    ...(input.cacheWrite ? { cacheWriteTokens: input.cacheWrite } : {}),
    ...(output.reasoning ? { reasoningTokens: output.reasoning } : {}),
  };
}

/** Only the first text can begin with thoughts. */
function withoutThoughts(content: readonly ModelContent[]): readonly ModelContent[] {
  const index = content.findIndex(({ type }) => type === 'text');
  const first = content[index];
  if (first?.type !== 'text') return content;
  const { thought, text } = splitThoughts(first.text);
  if (thought === '' && text === first.text) return content;
  const read: ModelContent[] = [
    ...(thought ? [{ type: 'reasoning', text: thought } as const] : []),
    { ...first, text },
  ];
  return content.toSpliced(index, 1, ...read);
}
