import { counter, each, named } from '../engine/figure.js';
import { describePolicy } from '../engine/policy-descriptor.js';
import { ofName } from '../engine/shared-state.js';
import { HedgeRecord } from './hedge-record.js';
import { HEDGE } from './hedge.options.js';
import { HedgePolicy } from './hedge.policy.js';

export const HEDGE_POLICY = describePolicy({
  options: HEDGE,
  layers: [{ slot: 'hedge', name: 'Hedge', shows: ['delay', 'percentile', 'maxHedges'] }],
  inFiles: 'The delay before a second attempt joins, or options of @Hedge.',
  state: () => new Map<string, HedgeRecord>(),
  stage: (options, { name, state, context }) =>
    new HedgePolicy(
      options,
      context,
      ofName(state, name, (own) => new HedgeRecord(own)),
    ),
  figures: (records) => {
    const read = (value: 'started' | 'won') => each(() => records.values(), named('policy'), (hedge) => hedge[value]); // prettier-ignore
    return [
      counter('resilience.hedges.started', '{attempt}', 'Attempts that joined another', read('started')),
      counter('resilience.hedges.won', '{attempt}', 'Hedges that answered first', read('won')),
    ];
  },
});
