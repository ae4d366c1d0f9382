import { describePolicy } from '../engine/policy-descriptor.js';
import { TIMEOUT } from './timeout.options.js';
import { TimeoutPolicy } from './timeout.policy.js';

export const TIMEOUT_POLICY = describePolicy({
  options: TIMEOUT,
  layers: [
    {
      slot: 'total',
      name: 'TotalTimeout',
      shows: ['total'],
      view: ({ total }) => (total === Infinity ? undefined : { total }),
    },
    {
      slot: 'attempt',
      name: 'AttemptTimeout',
      shows: ['each', 'growth', 'firstItem', 'idle'],
      view: ({ total: _total, ...attempt }) =>
        [attempt.each, attempt.firstItem ?? Infinity, attempt.idle].every((limit) => limit === Infinity)
          ? undefined
          : attempt,
    },
  ],
  inFiles: 'For each attempt, or options of @Timeout.',
  stage: (options, { context }) => new TimeoutPolicy(options, context),
});
