import type { ModuleRef } from '@nestjs/core';
import type { Sample } from '@nest-resilience/core/metrics';
import {
  costSamples,
  durationSamples,
  executionSamples,
  fallbackSamples,
  loadSamples,
  nodeFallbackSamples,
  nodeOutcomeSamples,
  nodeSamples,
  tokenSamples,
  type WorkflowFigures,
  workflowSamples,
} from './workflow.samples.js';

type MetricType = 'counter' | 'gauge' | 'histogram';
type Metric = readonly [type: MetricType, name: string, help: string, read: () => Iterable<Sample>];

/** Adds the workflows to what `MetricsModule` answers, in an application that has it. */
export async function showInPrometheus(moduleRef: ModuleRef, figures: WorkflowFigures): Promise<void> {
  // Its peer prom-client is optional: an application without it has no MetricsModule either.
  const room = await import('@nest-resilience/core/metrics').catch(() => undefined);
  if (!room) return;
  let registry;
  try {
    ({ registry } = moduleRef.get(room.PrometheusMetrics, { strict: false }));
  } catch {
    return;
  }
  for (const [type, name, help, read] of metricsOf(figures))
    new room.ScrapedMetric({ type, name: `resilience_workflow_${name}`, help }, read).registerIn(registry);
}

function metricsOf(figures: WorkflowFigures): readonly Metric[] {
  const duration = 'execution_duration_seconds';
  return [
    ['counter', 'executions_total', 'Executions that ended', () => executionSamples(figures)],
    [
      'counter',
      'executions_retried_total',
      'Successful and failed executions in which something was retried',
      () => workflowSamples(figures, 'retried'),
    ],
    [
      'counter',
      'executions_degraded_total',
      'Executions that ended in a degraded way',
      () => workflowSamples(figures, 'degraded'),
    ],
    ['counter', 'fallbacks_total', 'Executions that a fallback workflow served', () => fallbackSamples(figures)],
    [
      'histogram',
      duration,
      'From acceptance to the end, of successful and failed executions',
      () => durationSamples(`resilience_workflow_${duration}`, figures),
    ],
    ['counter', 'nodes_total', 'Nodes of ended executions', () => nodeOutcomeSamples(figures)],
    ['counter', 'node_attempts_total', 'Attempts of these nodes', () => nodeSamples(figures, 'attempts')],
    ['counter', 'node_retries_total', 'Those that repeated a failed one', () => nodeSamples(figures, 'retries')],
    ['counter', 'node_fallbacks_total', 'Nodes that a fallback served', () => nodeFallbackSamples(figures)],
    ['counter', 'tokens_total', 'Tokens of language models', () => tokenSamples(figures)],
    ['counter', 'cost_usd_total', 'What language models cost, in US dollars', () => costSamples(figures)],
    ['gauge', 'running', 'Executions at work in this process', () => loadSamples(figures, 'running')],
    ['gauge', 'queued', 'Executions that wait in this process', () => loadSamples(figures, 'queued')],
  ];
}
