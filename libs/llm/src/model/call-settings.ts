import { option } from '@nest-resilience/core';
import { EMBEDDING_CALL, MODEL_CALL } from '../llm.request.js';
import type { ModelCall } from '../providers/model-call.js';

/**
 * What a call says of itself where the AI SDK leaves room for it: `providerOptions: { resilience: { tenant, cache, degraded } }`.
 * @throws ResilienceOptionsError with every option that cannot work
 */
export function callSettings(
  options: ModelCall['providerOptions'],
  door: string,
): Partial<option.OutOf<typeof MODEL_CALL>> {
  return settingsIn(options, door, MODEL_CALL);
}

/** As {@link callSettings}, of a call for vectors. */
export function embeddingSettings(
  options: ModelCall['providerOptions'],
  door: string,
): Partial<option.OutOf<typeof EMBEDDING_CALL>> {
  return settingsIn(options, door, EMBEDDING_CALL);
}

function settingsIn<In, Out>(
  options: ModelCall['providerOptions'],
  door: string,
  known: option.Option<In, Out>,
): Out | Record<string, never> {
  const given = options?.['resilience'] as In | undefined;
  return given === undefined ? {} : option.read(known, given, `${door} > providerOptions > resilience`);
}
