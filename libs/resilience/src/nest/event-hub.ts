import type { EventSink } from '../engine/events.js';

/** Lets several listeners share the one sink that policies report to. */
export class EventHub implements EventSink {
  private sinks: readonly EventSink[] = [];

  add(sink: EventSink): void {
    this.sinks = [...this.sinks, sink];
  }

  listens(name: string): boolean {
    for (const sink of this.sinks) if (sink.listens(name)) return true;
    return false;
  }

  emit(name: string, payload: object): void {
    for (const sink of this.sinks) {
      try {
        if (sink.listens(name)) sink.emit(name, payload);
      } catch {
        // A listener never touches the call.
      }
    }
  }
}
