import { CircuitBreaker, DeadLetter, Fallback, Retry, Timeout } from '@nest-resilience/core';

import { decorate } from '../harness/application.mjs';

const failure = () => Object.assign(new Error('the provider is down'), { code: 'ECONNREFUSED' });

/** All five policies, as an application would use them. */
export const allPolicies = () => [
  Retry({ maxRetries: 3 }),
  CircuitBreaker({ window: 20, recoveryTimeout: '1h' }),
  Timeout('1s'),
  Fallback({ value: 'fallback' }),
  DeadLetter('bench'),
];

/** Fails for negative ids, to open its circuit. */
export class FivePolicies {
  async get(id) {
    if (id < 0) throw failure();
    return id;
  }
}
decorate(FivePolicies, 'get', ...allPolicies());

export class RetryAndCircuit {
  async get(id) {
    return id;
  }
}
decorate(RetryAndCircuit, 'get', Retry({ maxRetries: 3 }), CircuitBreaker({ window: 20 }));

export const FIVE = 'ours: Retry, CircuitBreaker, Timeout, Fallback, DeadLetter';
export const TWO = 'ours: Retry, CircuitBreaker';

export function fivePolicies(application) {
  const service = application.get(FivePolicies);
  return { name: FIVE, call: (id) => service.get(id) };
}

export function retryAndCircuit(application) {
  const service = application.get(RetryAndCircuit);
  return { name: TWO, call: (id) => service.get(id) };
}
