import type { LlmResult } from '../llm.result.js';
import type { ModelAnswer } from '../providers/model-call.js';

type Metadata = NonNullable<ModelAnswer['providerMetadata']>;

/** Who answered, how often was asked, and what it cost, for those who look into `providerMetadata.resilience`. */
export function told({ provider, model, fallbackLevel, attempts, ...result }: LlmResult): Metadata {
  const { costUsd, degraded, durationMs, cached, guards } = result;
  const facts = { provider, model, fallbackLevel, attempts, costUsd, degraded, durationMs };
  const changed = guards?.map((record) => ({ ...record }));
  return { resilience: { ...facts, ...(cached && { cached }), ...(changed && { guards: changed }) } };
}
