import { SetMetadata } from '@nestjs/common';
import type { HealthCheckContext, HealthCheckOptions } from './health-check.options.js';

/** Key of the metadata that {@link HealthCheckProbe} leaves on a method. */
export const HEALTH_CHECK_PROBE = 'resilience:health-check';

export interface HealthCheckProbeMetadata {
  /** `undefined`: `Class.method`. */
  readonly name: string | undefined;
  readonly options: HealthCheckOptions | undefined;
}

/**
 * Makes a method of a provider a health check: `HealthRegistry.register` without writing it.
 *
 * @example
 * @HealthCheckProbe('database', { interval: '10s' })
 * async ping({ signal }: HealthCheckContext) { await this.pool.query('select 1', { signal }); }
 */
export function HealthCheckProbe(name?: string, options?: HealthCheckOptions) {
  return <M extends (context: HealthCheckContext) => unknown>(
    target: object,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<M>,
  ): void => {
    if (typeof target === 'function' || typeof descriptor?.value !== 'function') {
      throw new TypeError(`@HealthCheckProbe() belongs on an instance method, and ${String(key)} is none`);
    }
    const metadata: HealthCheckProbeMetadata = { name, options };
    SetMetadata(HEALTH_CHECK_PROBE, metadata)(target, key, descriptor);
  };
}
