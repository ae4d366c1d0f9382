import type { Sample } from '@nest-resilience/core/metrics';
import type { WorkflowDefinition } from '../graph/definition.js';
import type { Load } from '../executor/load-by-workflow.js';
import { NodeCounts, WorkflowCounts, type WorkflowStats } from './workflow-stats.js';

/** What a scrape reads. */
export interface WorkflowFigures {
  readonly stats: WorkflowStats;
  /** Those in use: they have their lines before anything ran. */
  definitions(): readonly WorkflowDefinition[];
  /** By workflow; one without any may be absent. */
  loads(): ReadonlyMap<string, Load>;
}

/** Upper bounds in seconds: a run may be one quick transformation or wait for a model many times. */
const EXECUTION_BUCKETS_SECONDS: readonly number[] = [
  0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800,
];

const OUTCOMES = ['successful', 'failed', 'cancelled'] as const;
const NO_COUNTS = new WorkflowCounts();
const NO_NODE_COUNTS = new NodeCounts();

export function* executionSamples(figures: WorkflowFigures): Generator<Sample> {
  for (const [workflow, counts] of workflows(figures))
    for (const outcome of OUTCOMES) yield { labels: { workflow, outcome }, value: counts[outcome] };
}

/** One counter of each workflow. */
export function* workflowSamples(figures: WorkflowFigures, counter: 'retried' | 'degraded'): Generator<Sample> {
  for (const [workflow, counts] of workflows(figures)) yield { labels: { workflow }, value: counts[counter] };
}

export function* fallbackSamples(figures: WorkflowFigures): Generator<Sample> {
  for (const [workflow, { fallbacksByLevel }] of workflows(figures))
    for (const [index, value] of fallbacksByLevel.entries()) yield { labels: { workflow, level: index + 1 }, value };
}

export function* durationSamples(name: string, figures: WorkflowFigures): Generator<Sample> {
  const boundsMs = EXECUTION_BUCKETS_SECONDS.map((seconds) => seconds * 1000);
  for (const [workflow, { durations }] of workflows(figures)) {
    const counts = durations.cumulative(boundsMs);
    for (const [index, le] of EXECUTION_BUCKETS_SECONDS.entries())
      yield { labels: { le, workflow }, value: counts[index] ?? 0, metricName: `${name}_bucket` };
    yield { labels: { le: '+Inf', workflow }, value: durations.count, metricName: `${name}_bucket` };
    yield { labels: { workflow }, value: durations.sum / 1000, metricName: `${name}_sum` };
    yield { labels: { workflow }, value: durations.count, metricName: `${name}_count` };
  }
}

export function* nodeOutcomeSamples(figures: WorkflowFigures): Generator<Sample> {
  for (const [labels, counts] of nodes(figures)) {
    const { successfulWithoutRetry, successfulWithRetry, failedWithoutRetry, failedWithRetry, skipped } = counts;
    yield { labels: { ...labels, outcome: 'successful', retry: 'without' }, value: successfulWithoutRetry };
    yield { labels: { ...labels, outcome: 'successful', retry: 'with' }, value: successfulWithRetry };
    yield { labels: { ...labels, outcome: 'failed', retry: 'without' }, value: failedWithoutRetry };
    yield { labels: { ...labels, outcome: 'failed', retry: 'with' }, value: failedWithRetry };
    yield { labels: { ...labels, outcome: 'skipped', retry: 'without' }, value: skipped };
  }
}

/** One counter of each node. */
export function* nodeSamples(figures: WorkflowFigures, counter: 'attempts' | 'retries'): Generator<Sample> {
  for (const [labels, counts] of nodes(figures)) yield { labels, value: counts[counter] };
}

export function* nodeFallbackSamples(figures: WorkflowFigures): Generator<Sample> {
  for (const [labels, { fallbacksByLevel }] of nodes(figures))
    for (const [index, value] of fallbacksByLevel.entries()) yield { labels: { ...labels, level: index + 1 }, value };
}

/** Only of nodes that used a model: most never will. */
export function* tokenSamples(figures: WorkflowFigures): Generator<Sample> {
  for (const [labels, { inputTokens, outputTokens }] of nodes(figures)) {
    if (inputTokens + outputTokens === 0) continue;
    yield { labels: { ...labels, direction: 'input' }, value: inputTokens };
    yield { labels: { ...labels, direction: 'output' }, value: outputTokens };
  }
}

export function* costSamples(figures: WorkflowFigures): Generator<Sample> {
  for (const [labels, { costUsd }] of nodes(figures)) if (costUsd > 0) yield { labels, value: costUsd };
}

export function* loadSamples(figures: WorkflowFigures, figure: 'running' | 'queued'): Generator<Sample> {
  const loads = figures.loads();
  for (const { name } of figures.definitions())
    yield { labels: { workflow: name }, value: loads.get(name)?.[figure] ?? 0 };
}

function* workflows(figures: WorkflowFigures): Generator<[string, WorkflowCounts]> {
  const { stats } = figures;
  const names = new Set([...figures.definitions().map(({ name }) => name), ...stats.names()]);
  for (const name of names) yield [name, stats.get(name) ?? NO_COUNTS];
}

function* nodes(figures: WorkflowFigures): Generator<[{ workflow: string; node: string }, NodeCounts]> {
  const defined = new Map(figures.definitions().map(({ name, order }) => [name, order]));
  for (const [workflow, counts] of workflows(figures)) {
    for (const node of new Set([...(defined.get(workflow) ?? []), ...counts.nodes.keys()]))
      yield [{ workflow, node }, counts.nodes.get(node) ?? NO_NODE_COUNTS];
  }
}
