import {
  byLevel,
  counter,
  type DurationFigure,
  each,
  eachBy,
  type Figure,
  gauge,
  outcomes,
} from '@nest-resilience/core/kit';
import type { Load } from '../executor/load-by-workflow.js';
import type { WorkflowDefinition } from '../graph/definition.js';
import { NodeCounts, WorkflowCounts, type WorkflowStats } from './workflow-stats.js';

/** What the figures are read of. */
export interface WorkflowSource {
  readonly stats: WorkflowStats;
  /** Those in use: they have their lines before anything ran. */
  definitions(): readonly WorkflowDefinition[];
  /** By workflow; one without any may be absent. */
  loads(): ReadonlyMap<string, Load>;
}

interface Counted<L, C> {
  readonly labels: L;
  readonly counts: C;
}

type CountedWorkflow = Counted<{ readonly workflow: string }, WorkflowCounts>;
type CountedNode = Counted<{ readonly workflow: string; readonly node: string }, NodeCounts>;

/** Upper bounds in seconds: a run may be one quick transformation or wait for a model many times. */
const EXECUTION_BUCKETS_SECONDS: readonly number[] = [
  0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800,
];

const OUTCOMES = ['successful', 'failed', 'cancelled'] as const;
const NO_COUNTS = new WorkflowCounts();
const NO_NODE_COUNTS = new NodeCounts();

const labelsOf = <L>({ labels }: { readonly labels: L }): L => labels;

/** Rows of the workflows in the application's table of figures. */
export function workflowFigures(source: WorkflowSource): (Figure | DurationFigure)[] {
  const workflows = () => countedWorkflows(source);
  const nodes = () => countedNodes(source);
  const perWorkflow = (value: 'retried' | 'degraded') => each(workflows, labelsOf, ({ counts }) => counts[value]); // prettier-ignore
  const perNode = (value: 'attempts' | 'retries') => each(nodes, labelsOf, ({ counts }) => counts[value]); // prettier-ignore
  const load = (figure: 'running' | 'queued') => () => {
    const loads = source.loads();
    return source
      .definitions()
      .map(({ name }) => ({ labels: { workflow: name }, value: loads.get(name)?.[figure] ?? 0 }));
  };
  const executions = eachBy(workflows, labelsOf, 'outcome', ({ counts }) =>
    OUTCOMES.map((outcome) => [outcome, counts[outcome]] as const),
  );
  const fallbacks = eachBy(workflows, labelsOf, 'level', ({ counts }) => byLevel(counts.fallbacksByLevel));
  const nodeFallbacks = eachBy(nodes, labelsOf, 'level', ({ counts }) => byLevel(counts.fallbacksByLevel));
  const ended = () =>
    [...nodes()].flatMap(({ labels, counts }) => [
      ...outcomes(labels, counts),
      { labels: { ...labels, outcome: 'skipped', retry: 'without' }, value: counts.skipped },
    ]);
  // Only of nodes that used a model: most never will.
  const tokens = eachBy(nodes, labelsOf, 'direction', ({ counts: { inputTokens, outputTokens } }) =>
    inputTokens + outputTokens === 0 ? [] : Object.entries({ input: inputTokens, output: outputTokens }),
  );
  const cost = each(nodes, labelsOf, ({ counts: { costUsd } }) => (costUsd > 0 ? costUsd : undefined));

  const [RUN, NODE] = ['{execution}', '{node}'];
  const name = (figure: string) => `resilience.workflow.${figure}`;
  return [
    counter(name('executions'), RUN, 'Executions that ended', executions),
    counter(
      name('executions_retried'),
      RUN,
      'Successful and failed executions in which something was retried',
      perWorkflow('retried'),
    ),
    counter(name('executions_degraded'), RUN, 'Executions that ended in a degraded way', perWorkflow('degraded')),
    counter(name('fallbacks'), RUN, 'Executions that a fallback workflow served', fallbacks),
    {
      ...{ kind: 'histogram', name: name('execution_duration'), unit: 's', buckets: EXECUTION_BUCKETS_SECONDS },
      help: 'From acceptance to the end, of successful and failed executions',
      read: each(workflows, labelsOf, ({ counts }) => counts.durations),
    },
    counter(name('nodes'), NODE, 'Nodes of ended executions', ended),
    counter(name('node_attempts'), '{attempt}', 'Attempts of these nodes', perNode('attempts')),
    counter(name('node_retries'), '{attempt}', 'Those that repeated a failed one', perNode('retries')),
    counter(name('node_fallbacks'), NODE, 'Nodes that a fallback served', nodeFallbacks),
    counter(name('tokens'), '{token}', 'Tokens of language models', tokens),
    counter(name('cost_usd'), 'USD', 'What language models cost, in US dollars', cost),
    gauge(name('running'), RUN, 'Executions at work in this process', load('running')),
    gauge(name('queued'), RUN, 'Executions that wait in this process', load('queued')),
  ];
}

function* countedWorkflows(source: WorkflowSource): Generator<CountedWorkflow> {
  const { stats } = source;
  const names = new Set([...source.definitions().map(({ name }) => name), ...stats.names()]);
  for (const workflow of names) yield { labels: { workflow }, counts: stats.get(workflow) ?? NO_COUNTS };
}

function* countedNodes(source: WorkflowSource): Generator<CountedNode> {
  const defined = new Map(source.definitions().map(({ name, order }) => [name, order]));
  for (const { labels, counts } of countedWorkflows(source)) {
    for (const node of new Set([...(defined.get(labels.workflow) ?? []), ...counts.nodes.keys()]))
      yield { labels: { ...labels, node }, counts: counts.nodes.get(node) ?? NO_NODE_COUNTS };
  }
}
