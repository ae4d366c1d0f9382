import { Controller, Get, Res, VERSION_NEUTRAL } from '@nestjs/common';
import { PrometheusMetrics } from './prometheus.metrics.js';

/** The one method that an Express response and a Fastify reply share for this. */
interface HeaderWriter {
  header(name: string, value: string): unknown;
}

/** What Prometheus scrapes. */
@Controller({ path: 'metrics', version: VERSION_NEUTRAL })
export class MetricsController {
  constructor(private readonly metrics: PrometheusMetrics) {}

  @Get()
  async scrape(@Res({ passthrough: true }) response: HeaderWriter): Promise<string> {
    const text = await this.metrics.scrape();
    response.header('content-type', this.metrics.registry.contentType);
    return text;
  }
}
