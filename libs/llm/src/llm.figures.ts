import { byLevel, counter, type DurationFigure, each, eachBy, type Figure, gauge } from '@nest-resilience/core/kit';
import type { CacheCounts } from './cache/answer-cache.js';
import type { Budgets } from './budget/budgets.js';
import type { LlmTarget } from './chain/llm-target.js';
import type { LlmProviderHealth } from './health/health-record.js';
import type { LlmMetrics, TargetCounts, TryCount } from './llm.metrics.js';

/** What the figures are read of. */
export interface LlmFigureSource {
  readonly counts: Pick<LlmMetrics, 'targets'>;
  readonly targets: () => readonly LlmTarget[];
  /** Absent without one. */
  readonly cache: (() => CacheCounts) | undefined;
  readonly budgets: Budgets['view'];
  readonly health: () => Iterable<LlmProviderHealth>;
}

/**
 * Upper bounds in seconds; those below ten are OpenTelemetry's for `gen_ai.server.time_to_first_token`, those above are for models that think.
 */
const FIRST_TOKEN_BUCKETS_SECONDS: readonly number[] = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 120,
];

const labelsOf = ({ labels }: TargetCounts) => labels;
const SENT: readonly TryCount['outcome'][] = ['ok', 'invalid', 'failed'];

const CACHED: Readonly<Record<keyof CacheCounts, string>> = {
  hits: 'Calls that the answer of an equal one answered',
  misses: 'Calls of which no answer was kept',
  failures: 'Times the store of answers failed or was too late',
};

/** Rows of the models in the application's table of figures. Nothing is a label that a caller can choose. */
export function llmFigures({ counts, targets, health, cache, budgets }: LlmFigureSource): (Figure | DurationFigure)[] {
  const all = () => counts.targets();
  const tries = (isSent: boolean) => () =>
    [...all()].flatMap((target) =>
      [...target.tries.values()]
        .filter(({ outcome }) => SENT.includes(outcome) === isSent)
        .map(({ stream, outcome, reason, count }) => ({
          labels: { ...target.labels, ...(isSent && { stream: String(stream) }), outcome, reason },
          value: count,
        })),
    );
  const cooling = () =>
    targets().map(({ options: { name: provider, model }, cooldown }) => ({
      labels: { provider, model },
      value: cooldown.remainingMs / 1000,
    }));
  // What is not known is neither up nor down.
  const known = () => [...health()].filter(({ status }) => status !== 'unknown');

  const name = (figure: string) => `resilience.llm.${figure}`;
  return [
    counter(name('requests'), '{request}', 'Requests that were sent to models', tries(true)),
    counter(name('not_sent'), '{request}', 'Times a circuit or a limit let no request through', tries(false)),
    counter(
      name('tokens'),
      '{token}',
      'Tokens that were paid for; cached_input and cache_write are parts of input, reasoning is one of output',
      eachBy(all, labelsOf, 'type', ({ tokens }) => Object.entries(tokens).filter(([, count]) => count > 0)),
    ),
    counter(name('cost_usd'), 'USD', 'What that cost in US dollars, where the price is known', each(all, labelsOf, ({ costUsd }) => costUsd)), // prettier-ignore
    counter(
      name('wasted_cost_usd'),
      'USD',
      'The part of it that bought answers nobody could use',
      each(all, labelsOf, ({ costUsd, wastedCostUsd }) => (costUsd === undefined ? undefined : wastedCostUsd)),
    ),
    counter(
      name('served'),
      '{call}',
      'Calls that a model answered, by its place in their chain from 0',
      eachBy(all, labelsOf, 'level', ({ served }) =>
        byLevel(served).map(([level, count]) => [level - 1, count] as const),
      ),
    ),
    counter(name('heals'), '{request}', 'Answers that were sent back with what is wrong', each(all, labelsOf, ({ heals }) => heals)), // prettier-ignore
    {
      ...{ kind: 'histogram', name: name('time_to_first_token'), unit: 's', buckets: FIRST_TOKEN_BUCKETS_SECONDS },
      help: 'Of streams: from the request to the first part of the answer',
      read: each(all, labelsOf, ({ firstToken }) => (firstToken.count > 0 ? firstToken : undefined)),
    },
    ...Object.entries(cache ? CACHED : {}).map(([figure, help]) =>
      counter(name(`cache_${figure}`), '{call}', help, () => [
        { labels: {}, value: cache?.()[figure as keyof CacheCounts] ?? 0 },
      ]),
    ),
    gauge(
      name('budget_spent_usd'),
      'USD',
      'What was spent of a budget in the day or hour that runs, by tenant; none: of all calls',
      () => budgets().map(({ budget, spentUsd }) => ({ labels: { tenant: budget }, value: spentUsd })),
    ),
    gauge(name('cooldown'), 's', 'How long a model is put behind the others', cooling, {
      series: 'resilience_llm_cooldown_seconds',
    }),
    gauge(
      name('up'),
      '1',
      'Whether a provider is reachable, by the last check or call; absent: not known',
      each(
        known,
        ({ provider }) => ({ provider }),
        ({ status }) => (status === 'down' ? 0 : 1),
      ),
    ),
  ];
}
