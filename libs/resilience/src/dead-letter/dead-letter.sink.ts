import type { DeadLetterSink, FailedCall } from '../engine/dead-letter-sink.js';
import type { EventSink } from '../engine/events.js';
import type { FailedCallCapture } from './capture/capture.js';
import { emitDeadLetterEvent } from './dead-letter.events.js';
import type { ResolvedDeadLetterOptions } from './dead-letter.options.js';
import type { DeadLetterWriter } from './dead-letter.writer.js';

/** What all sinks of an application share. */
export interface StoringSinkParts {
  readonly capture: FailedCallCapture;
  readonly writer: DeadLetterWriter;
  readonly events: EventSink;
}

/** The sink of one method: its options, and the application's writer. */
export class StoringDeadLetterSink implements DeadLetterSink {
  constructor(
    private readonly parts: StoringSinkParts,
    private readonly options: ResolvedDeadLetterOptions,
  ) {}

  /** `true` while the store fails and entries go to the spill. */
  get degraded(): boolean {
    return this.parts.writer.degraded;
  }

  /** The id once the entry is durable; `undefined` when it is not, or when `capture` does not ask for it. Never rejects. */
  async store(call: FailedCall): Promise<string | undefined> {
    if (call.reason === 'rescued' && this.options.capture !== 'exhausted') return undefined;
    const record = this.parts.capture.capture(call, this.options);
    const written = await this.parts.writer.write(record);
    if (!('id' in written)) return undefined;
    const { queue, target, executionId, reason, error, replayable } = record;
    emitDeadLetterEvent(this.parts.events, 'resilience.dead-letter.stored', () => ({
      ...{ id: written.id, queue, target, executionId, reason, replayable },
      ...{ errorName: error.name, errorMessage: error.message, spilled: written.kept === 'spill' },
    }));
    return written.id;
  }
}
