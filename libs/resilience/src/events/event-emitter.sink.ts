import { Inject, Injectable, Logger } from '@nestjs/common';
import { EventEmitter2 } from '@nestjs/event-emitter';
import type { EventSink } from '../engine/events.js';

/** Taken at load, so that an application under fake timers still gets its events. */
const realSetImmediate = setImmediate;

/**
 * Hands what policies report to the application's `EventEmitter2`.
 *
 * An event is delivered in a later turn of the event loop: the call it tells about has gone on by then, and a listener that
 * throws, rejects or takes long cannot change its outcome. Each event keeps the async context (AsyncLocalStorage) of its call.
 */
@Injectable()
export class EventEmitterSink implements EventSink {
  private readonly logger = new Logger('ResilienceEvents');

  constructor(@Inject(EventEmitter2) private readonly emitter: EventEmitter2) {}

  listens(name: string): boolean {
    // With `wildcard: true` hasListeners knows patterns, but leaves out listeners of every event (onAny).
    return Boolean(this.emitter.hasListeners(name)) || this.emitter.listenersAny().length > 0;
  }

  emit(name: string, payload: object): void {
    realSetImmediate(() => void this.deliver(name, payload));
  }

  private async deliver(name: string, payload: object): Promise<void> {
    try {
      await this.emitter.emitAsync(name, payload);
    } catch (error) {
      this.logger.error(
        `A listener of '${name}' failed; the call it was told about is not affected`,
        error instanceof Error ? error.stack : String(error),
      );
    }
  }
}
