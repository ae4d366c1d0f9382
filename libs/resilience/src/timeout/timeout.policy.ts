import type { MonoTypeOperatorFunction } from 'rxjs';

import type { Attempt } from '../engine/attempt-state.js';
import type { DeadlineQueue } from '../engine/deadlines.js';
import type { Execution } from '../engine/execution.js';
import type { PolicyContext } from '../engine/policy-context.js';
import type { TimeoutScope, TimeoutStage } from '../engine/stages.js';
import { TimeoutError } from './timeout.errors.js';
import type { TimeoutExceededEvent } from './timeout.events.js';
import { attemptTimeout, totalTimeout } from './timeout.operator.js';
import type { ResolvedTimeoutOptions } from './timeout.options.js';

export class TimeoutPolicy implements TimeoutStage {
  readonly totalMs: number;
  readonly idleMs: number;
  readonly firstQueue: DeadlineQueue | undefined;
  readonly firstScope: TimeoutScope;
  readonly firstItemQueue: DeadlineQueue | undefined;
  readonly firstItemScope: TimeoutScope;

  constructor(
    private readonly options: ResolvedTimeoutOptions,
    private readonly context: PolicyContext,
  ) {
    this.totalMs = options.total;
    this.idleMs = options.idle;
    const first = Math.min(this.attemptMs(1), this.totalMs);
    this.firstScope = this.totalMs < this.attemptMs(1) ? 'total' : 'attempt';
    this.firstQueue = first === Infinity ? undefined : context.deadlines.queue(first);
    const firstItem = this.firstItemMs(1);
    this.firstItemQueue = firstItem === Infinity ? undefined : context.deadlines.queue(firstItem);
    this.firstItemScope = options.firstItem === undefined ? 'attempt' : 'first_item';
  }

  attemptMs(attempt: number): number {
    const { each, growth, max } = this.options;
    return Math.min(each * growth ** (attempt - 1), max);
  }

  firstItemMs(attempt: number): number {
    return this.options.firstItem ?? this.attemptMs(attempt);
  }

  exceeded(execution: Execution, scope: TimeoutScope, afterMs: number): Error {
    const { name, stats } = execution.parts;
    stats.timeouts++;
    const { events } = this.context;
    if (events.listens('resilience.timeout.exceeded')) {
      const payload: TimeoutExceededEvent = {
        policy: name,
        executionId: execution.id,
        scope,
        afterMs,
        attempt: execution.attempts,
      };
      events.emit('resilience.timeout.exceeded', payload);
    }
    const error = new TimeoutError(name, scope, afterMs);
    // No attempt need be running: a wait may be what it ends.
    if (scope === 'total') execution.lastError = error;
    return error;
  }

  attemptOperator<T>(attempt: Attempt): MonoTypeOperatorFunction<T> {
    return attemptTimeout(this, attempt, this.firstItemScope);
  }

  totalOperator<T>(execution: Execution): MonoTypeOperatorFunction<T> {
    return totalTimeout(this, execution);
  }
}
