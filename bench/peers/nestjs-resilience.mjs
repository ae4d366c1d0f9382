import {
  CircuitBreakerStrategy,
  FallbackStrategy,
  ResilienceModule,
  RetryStrategy,
  TimeoutStrategy,
  UseResilience,
} from 'nestjs-resilience';

import { decorate } from '../harness/application.mjs';

const NESTJS_RESILIENCE = 'nestjs-resilience: timeout, breaker, retry, fallback';

/** The first strategy is the innermost one. */
export class NestjsResilience {
  async get(id) {
    return id;
  }
}
decorate(
  NestjsResilience,
  'get',
  UseResilience(
    new TimeoutStrategy(1000),
    new CircuitBreakerStrategy({ requestVolumeThreshold: 20 }),
    new RetryStrategy({ maxRetries: 3 }),
    new FallbackStrategy(() => 'fallback'),
  ),
);

export const nestjsResilienceModule = () => ResilienceModule.forRoot({});

export function nestjsResilience(application) {
  const service = application.get(NestjsResilience);
  return { name: NESTJS_RESILIENCE, call: (id) => service.get(id) };
}
