import type { CircuitPeers } from './circuit-peers.js';
import { type Clock, systemClock } from './clock.js';
import { ClockScheduler } from './clock-scheduler.js';
import { Deadlines } from './deadlines.js';
import { type EventSink, silentSink } from './events.js';
import { type Random, systemRandom } from './random.js';
import { Shutdown } from './shutdown.js';
import type { Traceable } from './tracing.js';

/** What all policies of one application share. */
export interface PolicyContext extends Traceable {
  readonly clock: Clock;
  /** The same clock for RxJS operators. */
  readonly scheduler: ClockScheduler;
  readonly random: Random;
  readonly events: EventSink;
  readonly deadlines: Deadlines;
  readonly shutdown: Shutdown;
  /** Of other processes. Always there, so that all contexts have one shape. */
  peers: CircuitPeers | undefined;
}

export function createPolicyContext(parts: { clock?: Clock; random?: Random; events?: EventSink } = {}): PolicyContext {
  const clock = parts.clock ?? systemClock;
  return {
    clock,
    scheduler: new ClockScheduler(clock),
    random: parts.random ?? systemRandom,
    events: parts.events ?? silentSink,
    deadlines: new Deadlines(clock),
    shutdown: new Shutdown(),
    tracer: undefined,
    peers: undefined,
  };
}
