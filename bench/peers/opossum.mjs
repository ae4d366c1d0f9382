import CircuitBreaker from 'opossum';

import { Bare } from './bare.mjs';

export const OPOSSUM = 'opossum: breaker, timeout, fallback';
const OPTIONS = { timeout: 1000, errorThresholdPercentage: 50, resetTimeout: 3_600_000, volumeThreshold: 5 };

/** opossum has no retry. */
export function opossum() {
  const service = new Bare();
  const breaker = new CircuitBreaker((id) => service.get(id), OPTIONS);
  breaker.fallback(() => 'fallback');
  return { name: OPOSSUM, call: (id) => breaker.fire(id), breaker };
}

export function openOpossum() {
  const contender = opossum();
  contender.breaker.open();
  return contender;
}

export function idleOpossum() {
  return new CircuitBreaker(async (id) => id, OPTIONS);
}
