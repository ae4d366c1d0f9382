import type { MonoTypeOperatorFunction } from 'rxjs';

import type { DeadLetterSink } from '../engine/dead-letter-sink.js';
import type { Execution } from '../engine/execution.js';
import type { DeadLetterStage } from '../engine/stages.js';
import { keepFailures } from './dead-letter.operator.js';
import type { ResolvedDeadLetterOptions } from './dead-letter.options.js';

export class DeadLetterPolicy implements DeadLetterStage {
  readonly rethrow: boolean;
  readonly capturesRescued: boolean;

  constructor(
    options: ResolvedDeadLetterOptions,
    private readonly sink: DeadLetterSink,
  ) {
    this.rethrow = options.rethrow;
    this.capturesRescued = options.capture === 'exhausted';
  }

  async keep(execution: Execution, error: unknown): Promise<boolean> {
    // A redriven call has its entry, a caller who gave up wants none, and a call that a pipe refused never was one.
    const abandoned = execution.aborted && execution.cutShort === undefined;
    if (execution.replayed || execution.bypassed || abandoned) return false;
    const { stats, context } = execution.parts;
    context.shutdown.enter();
    try {
      const id = await this.sink.store(execution.failedCall(error));
      if (id === undefined) return false;
      stats.deadLettered++;
      execution.kept = true;
      attachId(error, id);
      return true;
    } finally {
      context.shutdown.leave();
    }
  }

  operator<T>(execution: Execution): MonoTypeOperatorFunction<T> {
    return keepFailures(this, execution);
  }
}

function attachId(error: unknown, id: string): void {
  if (typeof error !== 'object' || error === null) return;
  try {
    Object.defineProperty(error, 'deadLetterId', { value: id, configurable: true, enumerable: true, writable: true });
  } catch {
    // Frozen, or a Proxy that does not let itself be changed: the caller gets it as it is.
  }
}
