import { Controller, Get, Res, VERSION_NEUTRAL } from '@nestjs/common';
import { HttpResponse } from '../nest/wire/http-response.js';
import { PrometheusMetrics } from './prometheus.metrics.js';

/** What Prometheus scrapes. */
@Controller({ path: 'metrics', version: VERSION_NEUTRAL })
export class MetricsController {
  constructor(private readonly metrics: PrometheusMetrics) {}

  @Get()
  async scrape(@Res({ passthrough: true }) response: HttpResponse): Promise<string> {
    const text = await this.metrics.scrape();
    response.header('content-type', this.metrics.registry.contentType);
    return text;
  }
}
