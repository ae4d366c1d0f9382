import { each, gauge, named } from '../engine/figure.js';
import { describePolicy } from '../engine/policy-descriptor.js';
import { ofName } from '../engine/shared-state.js';
import { RetryBudget } from './retry-budget.js';
import { RETRY } from './retry.options.js';
import { RetryPolicy } from './retry.policy.js';

export const RETRY_POLICY = describePolicy({
  options: RETRY,
  layers: [{ slot: 'retry', name: 'Retry', shows: ['maxRetries', 'strategy', 'baseDelay', 'maxElapsed'] }],
  inFiles: 'Retries after the first call, or options of @Retry.',
  state: () => new Map<string, RetryBudget>(),
  stage(options, { state, sharedName, context }) {
    const { budget } = options;
    if (budget === undefined) return new RetryPolicy(options, context, undefined);
    const shared = ofName(state, sharedName, (name) => new RetryBudget(name, budget));
    shared.reconfigure(budget);
    return new RetryPolicy(options, context, shared);
  },
  refusesResult: ({ retryOnResult }) => [retryOnResult],
  figures: (budgets) => {
    const read = (value: 'active' | 'retrying' | 'limit') =>
      each(() => budgets.values(), named('policy'), (budget) => budget[value]); // prettier-ignore
    const inFlight = 'Calls in flight of a policy that retries within a budget';
    return [
      gauge('resilience.retry_budget.active', '{call}', inFlight, read('active')),
      gauge(
        'resilience.retry_budget.retrying',
        '{call}',
        'Of these, calls that wait for or run a retry',
        read('retrying'),
      ),
      gauge('resilience.retry_budget.limit', '{call}', 'How many may be retrying now', read('limit')),
    ];
  },
});
