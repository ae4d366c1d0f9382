import { policyDecorator } from '../nest/policy-decorator.js';
import type { ChaosOptions } from './chaos.options.js';

/**
 * Breaks a share of a method's attempts on purpose: throws, answers late, or answers something else. All other policies see it as
 * they would see the real thing. Does not build in production unless the environment variable NEST_RESILIENCE_CHAOS names it.
 * @example `@Chaos({ rate: 0.1, latency: ['200ms', '2s'], until: '2026-12-31' })`
 */
export function Chaos(options: ChaosOptions): MethodDecorator & ClassDecorator {
  return policyDecorator('chaos', 'Chaos', options);
}
