import type { EventSink } from '../engine/events.js';

/** A failed call was kept. */
export interface DeadLetterStoredEvent {
  readonly id: string;
  readonly queue: string;
  /** `Class.method`. */
  readonly target: string;
  readonly executionId: string;
  readonly reason: 'failed' | 'rescued' | 'shutdown';
  readonly errorName: string;
  readonly errorMessage: string;
  readonly replayable: boolean;
  /** `true`: the store did not answer, the entry waits in the spill file. */
  readonly spilled: boolean;
}

/** A redrive ended, well or not. */
export interface DeadLetterRedrivenEvent {
  readonly id: string;
  readonly queue: string;
  readonly target: string;
  readonly outcome: 'resolved' | 'failed';
  /** This one included. */
  readonly redrives: number;
  readonly durationMs: number;
}

/** The last redrive an entry was granted has failed. */
export interface DeadLetterPoisonedEvent {
  readonly id: string;
  readonly queue: string;
  readonly target: string;
  readonly redrives: number;
}

export interface DeadLetterEvents {
  'resilience.dead-letter.stored': DeadLetterStoredEvent;
  'resilience.dead-letter.redriven': DeadLetterRedrivenEvent;
  'resilience.dead-letter.poisoned': DeadLetterPoisonedEvent;
}

/** Builds the payload only when somebody listens. */
export function emitDeadLetterEvent<N extends keyof DeadLetterEvents>(
  events: EventSink,
  name: N,
  payload: () => DeadLetterEvents[N],
): void {
  if (events.listens(name)) events.emit(name, payload());
}
