import * as cockatiel from 'cockatiel';

import { Bare } from './bare.mjs';

export const FOUR = 'cockatiel: retry, breaker, timeout, fallback';
const THREE = 'cockatiel: retry, breaker, fallback';

const { CountBreaker, ConsecutiveBreaker, SamplingBreaker, TimeoutStrategy, handleAll } = cockatiel;
const HOUR = 3_600_000;

const fallback = () => cockatiel.fallback(handleAll, 'fallback');
const retry = () => cockatiel.retry(handleAll, { maxAttempts: 3, backoff: new cockatiel.ExponentialBackoff() });
const breaker = () =>
  cockatiel.circuitBreaker(handleAll, {
    halfOpenAfter: HOUR,
    breaker: new CountBreaker({ threshold: 0.5, size: 20, minimumNumberOfCalls: 5 }),
  });

export function cockatielFour() {
  const service = new Bare();
  const policy = cockatiel.wrap(fallback(), retry(), breaker(), cockatiel.timeout(1000, TimeoutStrategy.Aggressive));
  return { name: FOUR, call: (id) => policy.execute(() => service.get(id)) };
}

/** Without its timeout, which costs most. */
export function cockatielThree() {
  const service = new Bare();
  const policy = cockatiel.wrap(fallback(), retry(), breaker());
  return { name: THREE, call: (id) => policy.execute(() => service.get(id)) };
}

export function openCockatiel() {
  const service = new Bare();
  const open = breaker();
  open.isolate();
  const policy = cockatiel.wrap(fallback(), open);
  return { name: 'cockatiel: breaker, fallback', call: (id) => policy.execute(() => service.get(id)) };
}

/** One idle breaker of each kind. */
export const idleCockatiels = {
  'cockatiel: count window of 20': breaker,
  'cockatiel: consecutive': () =>
    cockatiel.circuitBreaker(handleAll, { halfOpenAfter: HOUR, breaker: new ConsecutiveBreaker(5) }),
  'cockatiel: sampling 30 s': () =>
    cockatiel.circuitBreaker(handleAll, {
      halfOpenAfter: HOUR,
      breaker: new SamplingBreaker({ threshold: 0.5, duration: 30_000 }),
    }),
};
