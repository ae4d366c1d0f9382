import { describePolicy } from '../engine/policy-descriptor.js';
import { FALLBACK } from './fallback.options.js';
import { FallbackPolicy } from './fallback.policy.js';

export const FALLBACK_POLICY = describePolicy({
  options: FALLBACK,
  layers: [
    {
      slot: 'fallback',
      name: 'Fallback',
      shows: ['targets'],
      view: (entries) => ({
        targets: entries.map(({ target, on, priority }) => ({
          use: typeof target === 'object' ? 'value' : target,
          on,
          priority,
        })),
      }),
    },
  ],
  stage: (options, { context }) => new FallbackPolicy(options, context),
  refusesResult: (entries) => entries.map(({ onResult }) => onResult),
});
