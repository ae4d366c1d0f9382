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

export const PROVIDER = 'x-resilience-provider';
export const MODEL = 'x-resilience-model';
export const LEFT_OUT = 'x-resilience-left-out';

export type Served = Pick<LlmResult, 'provider' | 'model' | 'fallbackLevel' | 'attempts'> &
  Partial<Pick<LlmResult, 'costUsd' | 'leftOut'>>;

/** The same as headers of the answer. Of a stream nobody knows the cost when it begins. */
export function servedHeaders({ provider, model, fallbackLevel, attempts, costUsd, leftOut }: Served) {
  return {
    [PROVIDER]: provider,
    [MODEL]: model,
    'x-resilience-fallback-level': String(fallbackLevel),
    'x-resilience-attempts': String(attempts),
    ...(costUsd !== undefined && { 'x-resilience-cost-usd': String(costUsd) }),
    ...(leftOut !== undefined && { [LEFT_OUT]: leftOut.join(', ') }),
  };
}
