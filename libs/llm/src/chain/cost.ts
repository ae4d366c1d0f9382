import type { LlmCost } from '../prices/cost.options.js';
import type { LlmUsage } from '../llm.result.js';
import type { ModelPrompt } from '../providers/model-call.js';
import { inputTokensOf, tokensOf } from './token-limit.js';

/** US dollars; `undefined` when nobody knows the price. Nothing costs nothing, whatever the price. */
export function costOf(usage: LlmUsage, cost: LlmCost | undefined): number | undefined {
  if (cost === undefined) return usage.totalTokens === 0 ? 0 : undefined;
  const { inputTokens, outputTokens, cachedInputTokens = 0, cacheWriteTokens = 0, reasoningTokens = 0 } = usage;
  const { inputPerMillion, outputPerMillion } = cost;
  const { cachedInputPerMillion = inputPerMillion, cacheWritePerMillion = inputPerMillion } = cost;
  const { reasoningPerMillion = outputPerMillion } = cost;
  const newTokens = Math.max(0, inputTokens - cachedInputTokens - cacheWriteTokens);
  const written = Math.max(0, outputTokens - reasoningTokens);
  const input = newTokens * inputPerMillion + cachedInputTokens * cachedInputPerMillion + cacheWriteTokens * cacheWritePerMillion; // prettier-ignore
  return (input + written * outputPerMillion + reasoningTokens * reasoningPerMillion) / 1_000_000;
}

/** The sum of what several things cost; `undefined` as soon as the price of one is not known. */
export function sumOfCosts(costs: Iterable<number | undefined>): number | undefined {
  let sum = 0;
  for (const cost of costs) {
    if (cost === undefined) return undefined;
    sum += cost;
  }
  return sum;
}

/** Of an answer whose server counted nothing: what was sent and what has come is paid for. */
export function estimatedUsage(prompt: ModelPrompt, characters: number): LlmUsage {
  const inputTokens = inputTokensOf(prompt);
  const outputTokens = tokensOf(characters);
  return { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens, estimated: true };
}
