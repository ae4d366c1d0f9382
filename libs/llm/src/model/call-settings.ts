import { option } from '@nest-resilience/core';
import { MODEL_CALL } from '../llm.request.js';
import type { ModelCall } from '../providers/model-call.js';

/**
 * What a call says of itself where the AI SDK leaves room for it: `providerOptions: { resilience: { tenant, cache, degraded } }`.
 * @throws ResilienceOptionsError with every option that cannot work
 */
export function callSettings(
  options: ModelCall['providerOptions'],
  door: string,
): Partial<option.OutOf<typeof MODEL_CALL>> {
  const given = options?.['resilience'] as option.OptionsOf<typeof MODEL_CALL.spec> | undefined;
  return given === undefined ? {} : option.read(MODEL_CALL, given, `${door} > providerOptions > resilience`);
}
