import type { EventSink } from '../engine/events.js';
import type { ResilienceEventMap, ResilienceEventName } from '../events/resilience-event.map.js';

export interface RecordedEvent {
  readonly name: string;
  readonly payload: object;
}

/** An event sink that listens to everything and keeps it. */
export class RecordingEvents implements EventSink {
  /** All events so far, in order. */
  readonly all: RecordedEvent[] = [];

  listens(_name: string): boolean {
    return true;
  }

  emit(name: string, payload: object): void {
    this.all.push({ name, payload });
  }

  /** Names so far, in order. */
  get names(): string[] {
    return this.all.map(({ name }) => name);
  }

  /** Payloads of one event, in order. */
  of<N extends ResilienceEventName>(name: N): ResilienceEventMap[N][] {
    return this.all.filter((event) => event.name === name).map(({ payload }) => payload as ResilienceEventMap[N]);
  }

  clear(): void {
    this.all.length = 0;
  }
}
