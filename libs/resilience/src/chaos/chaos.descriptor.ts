import { counter, eachBy, named } from '../engine/figure.js';
import { describePolicy } from '../engine/policy-descriptor.js';
import { ofName } from '../engine/shared-state.js';
import { chaosNotice } from './chaos-notice.js';
import { ChaosRecord } from './chaos-record.js';
import { CHAOS } from './chaos.options.js';
import { ChaosPolicy } from './chaos.policy.js';
import { refuseInProduction } from './production-guard.js';

const DISTURBANCES = ['fault', 'latency', 'result'] as const;

export const CHAOS_POLICY = describePolicy({
  options: CHAOS,
  layers: [
    {
      slot: 'chaos',
      name: 'Chaos',
      shows: ['rate', 'fault', 'latency', 'result', 'until'],
      view: ({ disturbance, until, enabled, ...rest }) =>
        enabled === false
          ? undefined
          : {
              ...rest,
              [disturbance.kind]: disturbance.kind === 'latency' ? [disturbance.min, disturbance.max] : true,
              enabled,
              until: until === undefined ? undefined : new Date(until).toISOString(),
            },
    },
  ],
  state: () => new Map<string, ChaosRecord>(),
  refuse: ({ enabled, name }, policy) => {
    if (enabled !== false) refuseInProduction(policy, name ?? policy);
  },
  // Said aloud, once per name unless it changes; one that is switched off for good is not there.
  stage(options, { name, state, context, warn }) {
    if (options.enabled === false) return undefined;
    const record = ofName(state, name, (own) => new ChaosRecord(own));
    const notice = chaosNotice(name, options);
    if (record.notice !== notice) warn?.(notice);
    record.notice = notice;
    return new ChaosPolicy(options, context, name, record);
  },
  // Zeros too: that there is a line at all says that chaos is on.
  figures: (records) => {
    const disturbed = eachBy(
      () => records.values(),
      named('policy'),
      'kind',
      (counts) => DISTURBANCES.map((kind) => [kind, counts[kind]] as const),
    );
    return [counter('resilience.chaos.injected', '{attempt}', 'Attempts disturbed on purpose', disturbed)];
  },
});
