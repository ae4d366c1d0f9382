import type { Clock } from '../engine/clock.js';
import type { DeadLetterSink } from '../engine/dead-letter-sink.js';
import type { EventSink } from '../engine/events.js';
import * as option from '../engine/option/index.js';
import type { Random } from '../engine/random.js';
import { POLICY } from './policy.options.js';

/** What an application shares and a policy on its own may be given. */
export interface PolicyEnvironment {
  readonly clock?: Clock;
  readonly random?: Random;
  readonly events?: EventSink;
  /** Needed for `deadLetter`. Inside an application use `ResilienceService.policy` instead. */
  readonly deadLetters?: DeadLetterSink;
}

/** Policies with what surrounds them. */
export const POLICY_ON_ITS_OWN = option.options(
  {
    ...POLICY.spec,
    clock: option.withMethods<Clock>('now', 'epochNow', 'setTimer'),
    random: option.fn<Random>(),
    events: option.withMethods<EventSink>('listens', 'emit'),
    deadLetters: option.withMethods<DeadLetterSink>('store'),
  },
  {
    check: ({ given: { deadLetter, deadLetters }, at }) => {
      if (deadLetter === undefined || deadLetter === false || deadLetters !== undefined) return;
      const allowed = 'deadLetters: a DeadLetterSink beside it, or ResilienceService.policy(...) inside an application';
      at.at('deadLetter').refuse(deadLetter, allowed);
    },
  },
);
