import { CircuitBreaker, DeadLetter, Fallback, Retry, Timeout } from '@nest-resilience/core';
import * as cockatiel from 'cockatiel';
import Opossum from 'opossum';

import { decorate } from '../harness/application.mjs';

const CLASSES = 20;
const METHODS = 10;
const COUNT = CLASSES * METHODS;
const HOUR = 3_600_000;
const names = Array.from({ length: METHODS }, (_, index) => `method${index}`);

/** Of the n-th method. */
const windowOf = (n) => [10, 20, 50, 100][n % 4];
const timeoutOf = (n) => [1_000, 2_000, 5_000][n % 3];
const hasFallback = (n) => n % 2 === 0;

/** A class whose methods share nothing with those of another one. */
function newClass() {
  const methods = names.map((name) => `async ${name}(id) { return id; }`).join('\n');
  return new Function(`return class { ${methods} }`)();
}

export function rotationClasses() {
  return Array.from({ length: CLASSES }, (_, group) => {
    const type = newClass();
    names.forEach((name, index) => {
      const n = group * METHODS + index;
      decorate(
        type,
        name,
        Retry({ maxRetries: 3 }),
        CircuitBreaker({ window: windowOf(n), recoveryTimeout: '1h' }),
        Timeout(timeoutOf(n)),
        ...(hasFallback(n) ? [Fallback({ value: 'fallback' })] : []),
        DeadLetter('bench'),
      );
    });
    return type;
  });
}

export function ourRotation(application, classes) {
  const services = classes.map((type) => application.get(type));
  return inTurn((n) => methodOf(services[Math.floor(n / METHODS)], names[n % METHODS]));
}

export function bareRotation() {
  const services = Array.from({ length: CLASSES }, () => new (newClass())());
  return inTurn((n) => methodOf(services[Math.floor(n / METHODS)], names[n % METHODS]));
}

/** Called as a user calls it: at a place of its own, on its object. */
function methodOf(service, name) {
  return new Function('service', `return (id) => service.${name}(id);`)(service);
}

export function opossumRotation() {
  const call = bareRotation();
  const breakers = [];
  for (let n = 0; n < COUNT; n++) {
    const options = { errorThresholdPercentage: 50, resetTimeout: HOUR, volumeThreshold: 5, timeout: timeoutOf(n) };
    const breaker = new Opossum(call.methods[n], options);
    if (hasFallback(n)) breaker.fallback(() => 'fallback');
    breakers.push(breaker);
  }
  return {
    name: 'opossum: breaker, timeout, fallback',
    call: (id) => breakers[id % COUNT].fire(id),
    stop: () => breakers.forEach((breaker) => breaker.shutdown()),
  };
}

export function cockatielRotation() {
  const call = bareRotation();
  const { CountBreaker, ExponentialBackoff, TimeoutStrategy, handleAll } = cockatiel;
  const policies = Array.from({ length: COUNT }, (_, n) => {
    const inner = [
      cockatiel.retry(handleAll, { maxAttempts: 3, backoff: new ExponentialBackoff() }),
      cockatiel.circuitBreaker(handleAll, {
        halfOpenAfter: HOUR,
        breaker: new CountBreaker({ threshold: 0.5, size: windowOf(n), minimumNumberOfCalls: 5 }),
      }),
      cockatiel.timeout(timeoutOf(n), TimeoutStrategy.Aggressive),
    ];
    return hasFallback(n)
      ? cockatiel.wrap(cockatiel.fallback(handleAll, 'fallback'), ...inner)
      : cockatiel.wrap(...inner);
  });
  return {
    name: 'cockatiel: retry, breaker, timeout, fallback',
    call: (id) => policies[id % COUNT].execute(() => call.methods[id % COUNT](id)),
  };
}

function inTurn(make) {
  const methods = Array.from({ length: COUNT }, (_, n) => make(n));
  return Object.assign((id) => methods[id % COUNT](id), { methods });
}
