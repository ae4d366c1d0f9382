import { Inject, Injectable } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { LlmService } from '../llm.service.js';
import type { LlmProviderHealth } from './health-record.js';

export interface LlmHealthIndicatorOptions {
  /** Whether the result may be `down`. @default the module's `health.critical`, which is false */
  readonly critical?: boolean;
  /** Only these providers, e.g. those that a critical workflow needs. @default all */
  readonly providers?: readonly string[];
}

/**
 * Tells Terminus what is known about the providers. It only reads the last results, so it costs microseconds however slow a
 * provider is; it never throws.
 *
 * - `up`: nobody is known to be down
 * - `degraded`: some are down, or all are and `critical` is false
 * - `down`: `critical`, and none is usable
 *
 * Not for liveness: a provider's outage is no reason to restart the process.
 */
@Injectable()
export class LlmHealthIndicator {
  constructor(
    @Inject(LlmService) private readonly llm: LlmService,
    @Inject(HealthIndicatorService) private readonly indicators: HealthIndicatorService,
  ) {}

  isHealthy<const Key extends string = 'llm'>(
    key: Key = 'llm' as Key,
    options: LlmHealthIndicatorOptions = {},
  ): HealthIndicatorResult<Key> {
    const session = this.indicators.check(key);
    const all = this.llm.connectivity.all();
    const asked = all.filter(({ provider }) => options.providers?.includes(provider) ?? true);
    const critical = options.critical ?? this.llm.options.health.critical;
    const data = { providers: Object.fromEntries(asked.map(({ provider, ...facts }) => [provider, facts])) };
    const down = asked.filter(({ status }) => status === 'down');
    if (down.length === 0) return session.up(data);
    const reasons = { ...data, message: reasonsOf(down) };
    if (critical && down.length === asked.length) return session.down(reasons);
    // Terminus knows `degraded` since version 12; before it, such an application was up.
    return typeof session.degraded === 'function'
      ? session.degraded(reasons)
      : session.up({ ...reasons, degraded: true });
  }
}

function reasonsOf(down: readonly LlmProviderHealth[]): string {
  return down
    .map(({ provider, reason, message }) => `${provider}: ${reason ?? 'unknown'}${message ? ` (${message})` : ''}`)
    .join('; ');
}
