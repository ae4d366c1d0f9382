import type { LlmCost } from '../llm.options.js';
import type { LlmUsage } from '../llm.result.js';

/** US dollars; 0 when no price is configured. */
export function costOf(usage: LlmUsage | undefined, cost: LlmCost | undefined): number {
  if (usage === undefined || cost === undefined) return 0;
  return (usage.inputTokens * cost.inputPerMillion + usage.outputTokens * cost.outputPerMillion) / 1_000_000;
}
