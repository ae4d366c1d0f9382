import { Inject, Injectable } from '@nestjs/common';
import type { ChaosCounts } from '../chaos/chaos-record.js';
import type { Clock } from '../engine/clock.js';
import type { PolicyReport } from '../nest/policy-report.js';
import { ResilienceService } from '../nest/resilience.service.js';
import { RESILIENCE_CLOCK } from '../nest/tokens.js';
import { degraded, type HealthOutcome, up } from './health-outcome.js';

/** What the indicator reads of the `ResilienceService`. */
export interface ChaosReading {
  chaos(): Iterable<ChaosCounts>;
  policies(): readonly Pick<PolicyReport, 'name' | 'layers'>[];
}

/** Says that calls are being disturbed on purpose, so that nobody looks for the fault elsewhere, and nobody forgets to end it. */
@Injectable()
export class ChaosHealthIndicator {
  constructor(
    @Inject(ResilienceService) private readonly resilience: ChaosReading,
    @Inject(RESILIENCE_CLOCK) private readonly clock: Clock,
  ) {}

  check(): HealthOutcome {
    const policies = [...this.resilience.chaos()];
    if (policies.length === 0) return up();
    const over = this.over();
    const on = policies.filter(({ name }) => !over.has(name));
    const details = Object.fromEntries(
      on.map(({ name, fault, latency, result }) => [name, { fault, latency, result }]),
    );
    if (on.length === 0) return up();
    return degraded(`chaos is on: ${on.map(({ name }) => name).join(', ')}`, details);
  }

  /** Policies whose chaos had an end, which has passed. */
  private over(): ReadonlySet<string> {
    const now = this.clock.epochNow();
    const ended = this.resilience.policies().filter(({ layers }) => {
      const until = layers.find(({ policy }) => policy === 'Chaos')?.options['until'];
      return typeof until === 'string' && Date.parse(until) <= now;
    });
    return new Set(ended.map(({ name }) => name));
  }
}
