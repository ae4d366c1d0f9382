import { counter, each, gauge, named, refusedBy } from '../engine/figure.js';
import { describePolicy } from '../engine/policy-descriptor.js';
import { sharedState } from '../engine/shared-state.js';
import { BULKHEAD } from './bulkhead.options.js';
import { BulkheadPolicy } from './bulkhead.policy.js';

export const BULKHEAD_POLICY = describePolicy({
  options: BULKHEAD,
  layers: [{ slot: 'permit', name: 'Bulkhead', shows: ['name', 'maxConcurrent', 'maxQueue', 'maxWait'] }],
  inFiles: 'Attempts at once, or options of @Bulkhead.',
  shared: true,
  state: () => new Map<string, BulkheadPolicy>(),
  stage(options, build) {
    const name = options.name ?? build.name;
    const declaration = { ...build, what: `Bulkhead '${name}'`, declared: options };
    return sharedState(build.state, name, () => new BulkheadPolicy(name, options, build.context), declaration);
  },
  figures: (bulkheads) => {
    const label = named('bulkhead');
    const read = (value: 'inUse' | 'queued' | 'maxConcurrent') =>
      each(() => bulkheads.values(), label, (bulkhead) => bulkhead.snapshot()[value]); // prettier-ignore
    return [
      gauge('resilience.bulkhead.in_use', '{attempt}', 'Attempts that hold a place in a bulkhead', read('inUse')),
      gauge('resilience.bulkhead.queued', '{attempt}', 'Attempts that wait for a place in a bulkhead', read('queued')),
      gauge('resilience.bulkhead.limit', '{attempt}', 'Places of a bulkhead', read('maxConcurrent')),
      counter(
        'resilience.bulkhead.rejections',
        '{attempt}',
        'Attempts refused by a bulkhead',
        refusedBy(() => bulkheads.values(), label),
        { series: 'resilience.bulkhead.rejected' },
      ),
    ];
  },
});
