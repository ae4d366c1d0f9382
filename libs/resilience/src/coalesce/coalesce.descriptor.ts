import { callKeys } from '../engine/argument-key.js';
import { counter, each, named } from '../engine/figure.js';
import { describePolicy } from '../engine/policy-descriptor.js';
import { ofName } from '../engine/shared-state.js';
import { COALESCE } from './coalesce.options.js';
import { CoalescePolicy, RunningCalls } from './coalesce.policy.js';

export const COALESCE_POLICY = describePolicy({
  options: COALESCE,
  layers: [{ slot: 'coalesce', name: 'Coalesce', shows: ['key'] }],
  inFiles: 'Equal calls at the same time share one; true, or options of @Coalesce.',
  state: () => new Map<string, RunningCalls>(),
  stage({ key }, build) {
    const running = ofName(build.state, build.name, (name) => new RunningCalls(name));
    return new CoalescePolicy(running, callKeys(build, '@Coalesce', 'not shared', key), build.context);
  },
  figures: (running) => {
    const joined = each(() => running.values(), named('policy'), (policy) => policy.joined); // prettier-ignore
    return [counter('resilience.coalesced', '{call}', 'Calls that joined a running one', joined)];
  },
});
