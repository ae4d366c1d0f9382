import { Inject, Injectable, Logger } from '@nestjs/common';
import { EventEmitter2 } from '@nestjs/event-emitter';
import type { EventSink } from '../engine/events.js';
import { redactedStack } from '../engine/redaction/index.js';

/**
 * Hands what policies report to the application's `EventEmitter2`.
 *
 * An event is delivered in a microtask of its own: a listener that throws or rejects cannot touch the call, and whoever awaited
 * the call finds its events delivered. Each event keeps the async context (AsyncLocalStorage) of its call. A listener's promise
 * is not waited for; one that blocks the event loop blocks everything, as it would anywhere in Node.
 */
@Injectable()
export class EventEmitterSink implements EventSink {
  private readonly logger = new Logger('Resilience:Events');

  constructor(@Inject(EventEmitter2) private readonly emitter: EventEmitter2) {}

  listens(name: string): boolean {
    // With `wildcard: true` hasListeners knows patterns, but leaves out listeners of every event (onAny).
    return Boolean(this.emitter.hasListeners(name)) || this.emitter.listenersAny().length > 0;
  }

  emit(name: string, payload: object): void {
    // Not queueMicrotask: fake timers replace that one.
    void Promise.resolve().then(() => this.deliver(name, payload));
  }

  private async deliver(name: string, payload: object): Promise<void> {
    try {
      await this.emitter.emitAsync(name, payload);
    } catch (error) {
      this.logger.error(
        `A listener of '${name}' failed; the call it was told about is not affected`,
        redactedStack(error),
      );
    }
  }
}
