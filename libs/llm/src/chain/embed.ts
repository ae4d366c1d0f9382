import { LlmInvalidAnswerError } from '../llm.errors.js';
import type { LlmResult, LlmUsage } from '../llm.result.js';
import type { ResolvedEmbedding } from '../options/resolved-options.js';
import type { EmbeddingAnswer, EmbeddingCall, LlmEmbedder } from '../providers/embedder.js';
import type { CallScope } from './answer-stream.js';
import type { LlmChain } from './llm-chain.js';
import type { LlmTarget } from './llm-target.js';
import { send } from './send.js';
import { expectedUsage, tokensOf } from './token-limit.js';

export interface EmbeddingTarget extends Omit<LlmTarget, 'provider' | 'options'> {
  readonly provider: LlmEmbedder;
  readonly options: ResolvedEmbedding;
}

/** Of the vectors of one chain, as soon as anybody said so. */
export interface Dimensions {
  known: number | undefined;
}

interface Embedded {
  readonly answer: EmbeddingAnswer;
  readonly usage: LlmUsage;
}

/** Vectors of texts, from the first target that makes them as long as those before. */
export async function embed(
  chain: LlmChain,
  targets: readonly EmbeddingTarget[],
  call: EmbeddingCall,
  { signal, tenant }: CallScope,
  dimensions: Dimensions,
): Promise<{ readonly answer: EmbeddingAnswer; readonly result: LlmResult }> {
  const expected = expectedUsage(tokensOf(call.values.reduce((sum, text) => sum + text.length, 0)), 0);
  // Who is next, and what becomes of a target that fails, is the same for every kind of call.
  const ofChain = targets as unknown as readonly LlmTarget[];
  const { answer: made, result } = await chain.run(
    ofChain,
    { expected, signal, tenant },
    async (turn, record, ofTurn) => {
      const target = turn.target as unknown as EmbeddingTarget;
      const { answer, opened } = await send<Embedded>(turn, {
        estimatedTokens: expected.totalTokens,
        record,
        signal: ofTurn,
        once: async (attempt) => {
          const vectors = await target.provider.embed(call, { signal: attempt });
          const tokens = vectors.usage?.tokens ?? 0;
          return { answer: vectors, usage: { inputTokens: tokens, outputTokens: 0, totalTokens: tokens } };
        },
        adapt: (error) => target.provider.adapt(call, error),
        whyUnusable: ({ answer: { embeddings } }) => whyUnusable(target, call, embeddings, dimensions),
      });
      opened.ok(answer.usage);
      dimensions.known ??= answer.answer.embeddings[0]?.length;
      return { ...answer, text: '', reasoning: '', finishReason: 'stop' };
    },
  );
  return { answer: made.answer, result };
}

function whyUnusable(
  { options: { name, model, dimensions: own } }: EmbeddingTarget,
  { values }: EmbeddingCall,
  embeddings: EmbeddingAnswer['embeddings'],
  { known }: Dimensions,
): Error | undefined {
  const expected = own ?? known ?? embeddings[0]?.length;
  const wrong = embeddings.find(({ length }) => length !== expected || length === 0);
  const problems = [
    ...(embeddings.length === values.length ? [] : [`${embeddings.length} vectors for ${values.length} texts`]),
    ...(wrong ? [`a vector of ${wrong.length} numbers, where ${expected || 'some'} were expected`] : []),
    ...(embeddings.every((vector) => vector.every(Number.isFinite))
      ? []
      : ['a vector with something else than numbers']),
  ];
  return problems.length === 0 ? undefined : new LlmInvalidAnswerError(name, model, problems, '');
}
