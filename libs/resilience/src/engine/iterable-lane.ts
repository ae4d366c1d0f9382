import { isObservable, lastValueFrom, type Observable } from 'rxjs';

import { onAbort } from './abort-listeners.js';
import type { Attempt } from './attempt-state.js';
import type { Execution } from './execution.js';
import { hedgedItems } from './iterable-hedge.js';
import { failOnAbort } from './operator-lane.js';
import { pausePromise } from './pause.js';
import { callMethod, type Method } from './pipeline-parts.js';
import { isAsyncIterable, toObservable } from './return-kind.js';
import { GIVE_UP, type TimeoutScope } from './stages.js';
import { CANCELLED, SUCCESSFUL, type TraceEnding } from './tracing.js';

/**
 * Token streams and other async iterables: pulled item by item, so back-pressure and early `break` reach the source.
 * Retried and replaced only while nothing has been emitted.
 * @param first an iterable that the method already returned to an unadmitted call
 */
export async function* runIterable(
  execution: Execution,
  method: Method,
  first?: { iterable: unknown },
): AsyncGenerator<unknown> {
  const { retry, stats, context, deadLetter } = execution.parts;
  let ending: TraceEnding = CANCELLED;
  retry?.begin();
  context.shutdown.enter();
  execution.trace();
  try {
    yield* rescued(execution, method, first);
    ending = SUCCESSFUL;
    if (execution.recovered) retry?.recovered(execution);
    if (execution.rescuedBy > 0 && deadLetter?.capturesRescued === true)
      await deadLetter.keep(execution, execution.lastError);
    stats.finish(true, execution.entered, context.clock.now() - execution.startedAt, execution.retries > 0);
  } catch (error) {
    ending = { outcome: 'failed', error };
    stats.finish(false, execution.entered, context.clock.now() - execution.startedAt, execution.retries > 0);
    if (deadLetter === undefined || execution.aborted) throw error;
    const kept = await deadLetter.keep(execution, error);
    if (!kept || deadLetter.rethrow) throw error;
  } finally {
    // A consumer that took what it wanted was served; one that left empty-handed made no call that ended.
    if (ending === CANCELLED && execution.emitted) {
      ending = SUCCESSFUL;
      stats.finish(true, execution.entered, context.clock.now() - execution.startedAt, execution.retries > 0);
    }
    retry?.end(execution);
    context.shutdown.leave();
    execution.endTrace(ending);
  }
}

async function* rescued(
  execution: Execution,
  method: Method,
  first: { iterable: unknown } | undefined,
): AsyncGenerator<unknown> {
  const { fallback } = execution.parts;
  try {
    yield* retried(execution, method, first);
  } catch (original) {
    if (execution.emitted || execution.aborted) throw original;
    for (let level = 0, step; (step = fallback?.next(execution, original, level)); level = step.level) {
      try {
        for await (const item of whileWanted(execution, itemsOf(execution.within(step.run), execution))) {
          if (execution.rescuedBy === 0) fallback?.used(execution, step);
          yield item;
        }
        if (execution.rescuedBy === 0) fallback?.used(execution, step);
        return;
      } catch (error) {
        if (execution.aborted) throw execution.abortReason;
        if (execution.emitted) throw error;
        execution.fallbacks.push({ level: step.level, name: step.name, error });
      }
    }
    if (execution.fallbacks.length > 0) fallback?.failed(execution, original);
    throw original;
  }
}

async function* retried(
  execution: Execution,
  method: Method,
  first: { iterable: unknown } | undefined,
): AsyncGenerator<unknown> {
  const { retry } = execution.parts;
  let given = first;
  for (;;) {
    try {
      yield* oneAttempt(execution, method, given);
      return;
    } catch (error) {
      given = undefined;
      const delayMs = retry?.plan(execution, error) ?? GIVE_UP;
      if (delayMs === GIVE_UP) throw error;
      await pauseWithinTotal(execution, delayMs);
    }
  }
}

/** The total timeout also ends a wait. */
async function pauseWithinTotal(execution: Execution, delayMs: number): Promise<void> {
  const { timeout, context } = execution.parts;
  const left = (timeout?.totalMs ?? Infinity) - (context.clock.now() - execution.startedAt);
  if (delayMs > 0 || left <= 0) await pausePromise(execution, Math.max(0, Math.min(delayMs, left)));
  if (timeout === undefined || delayMs < left) return;
  execution.expired = true;
  throw timeout.exceeded(execution, 'total', timeout.totalMs);
}

async function* oneAttempt(
  execution: Execution,
  method: Method,
  first: { iterable: unknown } | undefined,
): AsyncGenerator<unknown> {
  const { hedge, context } = execution.parts;
  if (execution.aborted) throw execution.callerSignal?.reason;
  if (hedge === undefined || first !== undefined) {
    yield* itemsOfAttempt(execution.begin(context.clock.now()), method, first);
  } else {
    yield* hedgedItems(execution, hedge, (attempt) => itemsOfAttempt(attempt, method));
  }
}

async function* itemsOfAttempt(
  attempt: Attempt,
  method: Method,
  first?: { iterable: unknown },
): AsyncGenerator<unknown> {
  const { execution } = attempt;
  const { parts, self, args } = execution;
  let iterator: AsyncIterator<unknown> | undefined;
  let last: unknown;
  let outcome: 'left' | 'completed' | 'failed' = 'left';
  try {
    const wait = attempt.admit();
    if (wait !== undefined) await turnOf(execution, wait);
    const items = attempt.reach(() => first?.iterable ?? callMethod(parts, method, self, args, attempt));
    iterator = (isAsyncIterable(items) ? items : itemsOf(items))[Symbol.asyncIterator]();
    for (;;) {
      const source = iterator;
      const item = await within(
        attempt,
        attempt.traced(() => source.next()),
      );
      if (item.done === true) break;
      attempt.emitted = execution.emitted = true;
      last = item.value;
      yield item.value;
    }
    outcome = 'completed';
    attempt.succeeded(last);
  } catch (error) {
    outcome = 'failed';
    attempt.abort(error);
    const told = attempt.failed(error);
    throw execution.aborted ? execution.abortReason : told;
  } finally {
    // A source that failed or hangs is told, not waited for: its `return` may never answer.
    if (outcome === 'failed') iterator?.return?.().then(undefined, () => undefined);
    else if (outcome === 'left') {
      attempt.cancelled();
      await iterator?.return?.();
    }
  }
}

/** Waits in line for a permit, as long as the total timeout and the caller let it. */
async function turnOf(execution: Execution, wait: Observable<never>): Promise<void> {
  const { timeout } = execution.parts;
  const limited = timeout === undefined ? wait : wait.pipe(timeout.totalOperator(execution));
  await lastValueFrom(limited.pipe(failOnAbort(execution)), { defaultValue: undefined });
}

/** Races the next item against the limit that applies to it and the caller's abort. */
function within<T>(attempt: Attempt, item: Promise<T>): Promise<T> {
  const { execution } = attempt;
  const { timeout, context } = execution.parts;
  const limits: [TimeoutScope, number][] = [];
  if (timeout !== undefined) {
    const total = timeout.totalMs - (context.clock.now() - execution.startedAt);
    limits.push(attempt.emitted ? ['idle', timeout.idleMs] : ['first-item', timeout.firstItemMs(attempt.number)]);
    limits.push(['total', total]);
  }
  const [scope, afterMs] = limits.sort((a, b) => a[1] - b[1])[0] ?? ['idle', Infinity];
  return new Promise((resolve, reject) => {
    let forget: (() => void) | undefined = undefined;
    const finish = (settle: () => void): void => {
      timer?.cancel();
      forget?.();
      settle();
    };
    const expire = (): void => {
      if (scope === 'total') execution.expired = true;
      finish(() => reject(timeout?.exceeded(execution, scope, scope === 'total' ? timeout.totalMs : afterMs)));
    };
    const timer = afterMs === Infinity ? undefined : context.clock.setTimer(expire, Math.max(0, afterMs));
    forget = context.shutdown.onExpired(() => finish(() => reject(execution.giveUp())));
    orAbort(execution, item).then(
      (value) => finish(() => resolve(value)),
      (error: unknown) => finish(() => reject(error)),
    );
  });
}

/** The item, or the end of the wait for it as soon as the caller aborts; also when that has happened by now. */
function orAbort<T>({ callerSignal }: Execution, item: Promise<T>): Promise<T> {
  if (callerSignal === undefined) return item;
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(callerSignal.reason);
    const unlisten = onAbort(callerSignal, leave);
    if (callerSignal.aborted) leave();
    void item.then(resolve, reject).finally(unlisten);
  });
}

/** A fallback's items, until the caller aborts. It is told then, not waited for. */
async function* whileWanted(execution: Execution, items: AsyncGenerator<unknown>): AsyncGenerator<unknown> {
  try {
    for (;;) {
      const item = await orAbort(execution, items.next());
      if (item.done === true) return;
      yield item.value;
    }
  } finally {
    const told = items.return(undefined);
    if (execution.aborted) told.catch(() => undefined);
    else await told;
  }
}

/** Whatever a method or fallback returned, as items: a stream's own, otherwise the one value. */
async function* itemsOf(result: unknown, marks?: Execution): AsyncGenerator<unknown> {
  const settled = isObservable(result)
    ? await lastValueFrom(toObservable(result), { defaultValue: undefined })
    : await result;
  if (!isAsyncIterable(settled)) {
    yield settled;
    return;
  }
  for await (const item of settled) {
    if (marks !== undefined) marks.emitted = true;
    yield item;
  }
}
