import type { Attempt } from './attempt-state.js';
import { Execution } from './execution.js';
import { callMethod, type Method, type PipelineParts } from './pipeline-parts.js';
import { isThenable, kindOfValue } from './return-kind.js';
import { type FallbackStep, GIVE_UP, RejectedResult } from './stages.js';
import { SUCCESSFUL } from './tracing.js';

/** How an attempt ended that has been reported to its circuit already. */
export type FirstOutcome = { readonly error: unknown } | { readonly value: unknown };

/** What shows to be no value yet: the call goes on in the lane of that, with the attempt that it has. */
export class Elsewhere {
  constructor(
    readonly execution: Execution,
    readonly outcome: unknown,
    /** The fallback that answered with it, and the error that it stands in for. */
    readonly rescue?: { readonly step: FallbackStep; readonly original: unknown },
  ) {
    execution.canWait = true;
  }
}

/**
 * A method that answers synchronously keeps doing so. Nothing can wait here: a retry with a delay is not possible, a timeout
 * cannot interrupt, a dead letter is written behind the caller's back. Circuit, immediate retry and fallback work in full.
 * @param first outcome of an attempt that ran already, admitted by the caller
 * @returns its value, or an {@link Elsewhere}
 */
export function runSync(execution: Execution, method: Method, first?: FirstOutcome): unknown {
  const { parts } = execution;
  execution.canWait = false;
  let value: unknown;
  try {
    value = withFallback(execution, () => withCache(execution, () => attempts(execution, method, first)));
  } catch (error) {
    finish(execution, false);
    throw error;
  }
  if (value instanceof Elsewhere) return value;
  finish(execution, true);
  if (execution.recovered) parts.retry?.recovered(execution);
  if (execution.rescuedBy > 0 && parts.deadLetter?.capturesRescued === true)
    void parts.deadLetter.keep(execution, execution.lastError);
  return value;
}

function attempts(execution: Execution, method: Method, first: FirstOutcome | undefined): unknown {
  const { parts } = execution;
  let pending = first;
  for (;;) {
    let failure: unknown;
    try {
      const value = oneAttempt(execution, method, pending);
      if (value instanceof Elsewhere || parts.retry?.rejectsResult?.(value) !== true) return value;
      failure = new RejectedResult(value);
    } catch (error) {
      failure = error;
    }
    pending = undefined;
    if ((parts.retry?.plan(execution, failure) ?? GIVE_UP) !== GIVE_UP) continue;
    if (failure instanceof RejectedResult) return failure.value;
    throw failure;
  }
}

function oneAttempt(execution: Execution, method: Method, first: FirstOutcome | undefined): unknown {
  if (first !== undefined) {
    if ('value' in first) return first.value;
    throw first.error;
  }
  const { parts, self, args } = execution;
  const attempt = execution.begin(parts.context.clock.now());
  try {
    admitNow(attempt);
    const value = attempt.reach(() => callMethod(parts, method, self, args, attempt));
    if (kindOfValue(value) !== 'sync') return new Elsewhere(execution, value);
    attempt.succeeded(value);
    return value;
  } catch (error) {
    throw attempt.failed(error);
  }
}

/** Where nobody can wait, a permit that is not free is refused at once. */
function admitNow(attempt: Attempt): void {
  const refusals: unknown[] = [];
  attempt.admit()?.subscribe({ error: (error: unknown) => refusals.push(error) });
  if (refusals.length > 0) throw refusals[0];
}

/** Keeps a success; answers a failure with what has expired. */
function withCache(execution: Execution, run: () => unknown): unknown {
  const { cache, context } = execution.parts;
  if (cache === undefined) return run();
  try {
    const value = run();
    if (value instanceof Elsewhere) return value;
    cache.remember(execution.args, value, context.clock.now());
    return value;
  } catch (error) {
    const stale = cache.stale(execution, error, context.clock.now());
    if (stale === undefined) throw error;
    return stale.value;
  }
}

function withFallback(execution: Execution, run: () => unknown): unknown {
  const { fallback, deadLetter } = execution.parts;
  try {
    return run();
  } catch (original) {
    for (let level = 0, step; (step = fallback?.next(execution, original, level)); level = step.level) {
      try {
        const value = execution.within(step.run);
        if (isThenable(value)) return new Elsewhere(execution, value, { step, original });
        fallback?.used(execution, step);
        return value;
      } catch (error) {
        execution.fallbacks.push({ level: step.level, name: step.name, error });
      }
    }
    if (execution.fallbacks.length > 0) fallback?.failed(execution, original);
    finish(execution, false);
    // Thrown even where `rethrow` is false: nobody can wait here until the entry is durable, and until then nothing is safe.
    if (deadLetter !== undefined) void deadLetter.keep(execution, original);
    throw original;
  }
}

function finish(execution: Execution, succeeded: boolean): void {
  const { retry, stats, context } = execution.parts;
  if (execution.finished) return;
  execution.finished = true;
  retry?.end(execution);
  stats.finish(succeeded, execution.entered, context.clock.now() - execution.startedAt, execution.retries > 0);
  execution.endTrace(succeeded ? SUCCESSFUL : { outcome: 'failed', error: execution.lastError });
}

/** Starts a synchronous call from nothing. */
export function startSync(parts: PipelineParts, method: Method, self: unknown, args: readonly unknown[]): unknown {
  const now = parts.context.clock.now();
  const hit = parts.cache?.fresh(args, now);
  if (hit !== undefined) {
    parts.stats.finish(true, 0, 0);
    return hit.value;
  }
  parts.retry?.begin();
  const execution = new Execution(parts, self, args, now);
  execution.trace();
  return runSync(execution, method);
}
