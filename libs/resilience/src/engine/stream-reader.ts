import { onAbort } from './abort-listeners.js';
import type { TimerHandle } from './clock.js';
import type { Attempt } from './attempt-state.js';
import type { DeadlineNode, DeadlineQueue } from './deadlines.js';
import type { Execution } from './execution.js';
import type { TimeoutScope } from './stages.js';

/**
 * Reads a stream that is open, within what limits its call: the time between items and in all, the caller's signal, the end of the process.
 * One timer and one listener serve all items.
 */
export class StreamReader implements DeadlineNode {
  dueAt = 0;
  earlier: DeadlineNode | undefined = undefined;
  later: DeadlineNode | undefined = undefined;
  /** Where the wait for the next item stands. */
  private queue: DeadlineQueue;
  private scope: TimeoutScope = 'idle';
  private readonly idle: DeadlineQueue;
  private readonly total: TimerHandle | undefined;
  private readonly unlisten: (() => void) | undefined;
  private fail: ((error: unknown) => void) | undefined = undefined;
  private failure: { readonly error: unknown } | undefined = undefined;

  constructor(
    private readonly execution: Execution,
    private readonly iterator: AsyncIterator<unknown>,
    private readonly attempt: Attempt | undefined,
  ) {
    const { timeout, context } = execution.parts;
    const { callerSignal } = execution;
    const { totalMs = Infinity, idleMs = Infinity } = timeout ?? {};
    const { endless } = context.deadlines;
    this.queue = this.idle = idleMs === Infinity ? endless : context.deadlines.queue(idleMs);
    if (totalMs !== Infinity) {
      const leftMs = Math.max(0, totalMs - (context.clock.now() - execution.startedAt));
      this.total = context.clock.setTimer(() => this.exceed('total', totalMs), leftMs);
    }
    this.unlisten = callerSignal && onAbort(callerSignal, () => this.end(callerSignal.reason));
    if (callerSignal?.aborted === true) this.end(callerSignal.reason);
  }

  /** Of the first attempt, which has a time of its own. */
  readFirst(): Promise<IteratorResult<unknown>> {
    const { timeout, context } = this.execution.parts;
    this.queue = timeout?.firstItemQueue ?? context.deadlines.endless;
    this.scope = timeout?.firstItemScope ?? 'idle';
    return this.read();
  }

  /** Rejects with what ended the reading. */
  read(): Promise<IteratorResult<unknown>> {
    return new Promise((resolve, reject) => {
      if (this.failure !== undefined) return reject(this.failure.error);
      // Nobody looks for those who come now.
      if (this.execution.parts.context.shutdown.expired) return reject(this.execution.giveUp());
      this.fail = reject;
      const { queue, execution } = this;
      // Asked first: an item that comes at the very moment is in time.
      const item = this.attempt === undefined ? this.iterator.next() : this.attempt.traced(this.next);
      queue.add(this, queue.durationMs === Infinity ? 0 : execution.parts.context.clock.now());
      item.then(
        (result) => {
          this.stop();
          resolve(result);
        },
        (error: unknown) => {
          this.stop();
          reject(error);
        },
      );
    });
  }

  close(): void {
    this.total?.cancel();
    this.unlisten?.();
  }

  onDeadline(): void {
    this.exceed(this.scope, this.queue.durationMs);
  }

  onGivenUp(): void {
    this.end(this.execution.giveUp());
  }

  private exceed(scope: TimeoutScope, afterMs: number): void {
    if (scope === 'total') this.execution.expired = true;
    this.end(this.execution.parts.timeout?.exceeded(this.execution, scope, afterMs));
  }

  /** Also while nobody reads: the next one who does is told. */
  private end(error: unknown): void {
    this.queue.remove(this);
    this.failure ??= { error };
    this.fail?.(this.failure.error);
  }

  private stop(): void {
    this.queue.remove(this);
    this.queue = this.idle;
    this.scope = 'idle';
  }

  private readonly next = (): Promise<IteratorResult<unknown>> => this.iterator.next();
}
