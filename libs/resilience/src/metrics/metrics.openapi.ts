import type { ControllerDescription } from '../nest/openapi/describe-routes.js';
import { text } from '../nest/openapi/schema.js';

export const METRICS = (openMetrics: boolean): ControllerDescription => ({
  tag: 'resilience',
  routes: {
    scrape: {
      summary: 'What Prometheus scrapes',
      responses: {
        200: {
          description: `In the text format of ${openMetrics ? 'OpenMetrics' : 'Prometheus'}`,
          schema: text(),
          mediaType: openMetrics ? 'application/openmetrics-text' : 'text/plain',
        },
      },
    },
  },
});
