import { Inject, Injectable } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { LlmService } from '../llm.service.js';
import type { LlmProviderHealth } from './health-record.js';

export interface LlmHealthIndicatorOptions {
  /** Whether the result may be `down`. @default the module's `health.critical`, which is false */
  readonly critical?: boolean;
  /** Only these providers, e.g. those that a critical workflow needs; a name that nobody has counts as down. @default all */
  readonly providers?: readonly string[];
}

/**
 * Tells Terminus what is known about the providers. It only reads the last results, so it costs microseconds however slow a
 * provider is; it never throws.
 *
 * - `up`: nobody is known to be down
 * - `degraded`: some are down or degraded, or all are down and `critical` is false
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
    const asked = options.providers?.map((name) => all.find((one) => one.provider === name) ?? noSuch(name)) ?? all;
    const critical = options.critical ?? this.llm.options.health.critical;
    const data = { providers: Object.fromEntries(asked.map(({ provider, ...facts }) => [provider, facts])) };
    const ailing = asked.filter(({ status }) => status === 'down' || status === 'degraded');
    const down = ailing.filter(({ status }) => status === 'down');
    const skipped = asked.filter((one) => one.skipped !== undefined && !ailing.includes(one));
    const message = [...ailing.map(reasonFor), ...skipped.map(whySkipped)].join('; ');
    if (ailing.length === 0) return session.up({ ...data, ...(message && { message }) });
    const reasons = { ...data, message };
    if (critical && down.length === asked.length) return session.down(reasons);
    // Terminus knows `degraded` since version 12; before it, such an application was up.
    return typeof session.degraded === 'function'
      ? session.degraded(reasons)
      : session.up({ ...reasons, degraded: true });
  }
}

/** A name that was misspelt must not pass for a provider that is well. */
function noSuch(provider: string): LlmProviderHealth {
  return { provider, status: 'down', reason: 'not_found', message: 'no configured provider has this name' };
}

function reasonFor({ provider, reason, message, skipped }: LlmProviderHealth): string {
  const facts = [message, skipped && 'not checked since: cost_cap'].filter(Boolean).join('; ');
  return `${provider}: ${reason ?? 'unknown'}${facts ? ` (${facts})` : ''}`;
}

/** No reason to be degraded, but whoever reads an old result should know why it is old. */
function whySkipped({ provider, skipped }: LlmProviderHealth): string {
  return `${provider}: not checked, ${skipped} (health.maxCostPerDay)`;
}
