import { HealthCheckProbe } from '@nest-resilience/core/health';
import { LlmHealthIndicator } from '@nest-resilience/llm';
import { Inject, Injectable } from '@nestjs/common';
import type { HealthIndicatorResult } from '@nestjs/terminus';

/** Shows in `/health/ready` what is known about the models. Not critical: with all of them down `offline` still answers. */
@Injectable()
export class LlmCheck {
  constructor(@Inject(LlmHealthIndicator) private readonly indicator: LlmHealthIndicator) {}

  @HealthCheckProbe('llm', { critical: false, interval: '5s' })
  check(): HealthIndicatorResult<'llm'> {
    return this.indicator.isHealthy('llm');
  }
}
