import type { MonoTypeOperatorFunction } from 'rxjs';

import { atOnce } from '../engine/at-once.js';
import { ResultRejectedError } from '../engine/errors.js';
import type { Execution } from '../engine/execution.js';
import { compileMatcher, type ErrorPredicate } from '../engine/matcher.js';
import type { PolicyContext } from '../engine/policy-context.js';
import type { FallbackStage, FallbackStep } from '../engine/stages.js';
import { attachFallbackErrors } from './fallback.errors.js';
import type { FallbackFailedEvent, FallbackUsedEvent } from './fallback.events.js';
import { fallbackTo } from './fallback.operator.js';
import type { FallbackContext, FallbackTarget, ResolvedFallbackOptions } from './fallback.options.js';

interface CompiledEntry {
  readonly target: FallbackTarget;
  readonly name: string;
  readonly matches: ErrorPredicate | undefined;
  readonly refuses: ((value: unknown) => boolean) | undefined;
}

export class FallbackPolicy implements FallbackStage {
  readonly constant: { readonly value: unknown } | undefined;
  readonly refusesResult: ((value: unknown) => boolean) | undefined;
  private readonly entries: readonly CompiledEntry[];

  constructor(
    options: ResolvedFallbackOptions,
    private readonly context: PolicyContext,
  ) {
    this.entries = options.map(({ target, on, onResult }) => ({
      target,
      name: nameOf(target),
      matches: on === undefined ? undefined : compileMatcher(on, '@Fallback > on'),
      refuses: onResult && ((value) => atOnce(onResult(value), '@Fallback > onResult')),
    }));
    const judging = this.entries.filter(({ refuses }) => refuses !== undefined);
    if (judging.length > 0) this.refusesResult = (value) => judging.some(({ refuses }) => refuses?.(value));
    const first = this.entries[0];
    this.constant =
      first !== undefined && first.matches === undefined && isConstant(first.target) ? first.target : undefined;
  }

  next(execution: Execution, error: unknown, after: number): FallbackStep | undefined {
    if (execution.aborted || execution.bypassed) return undefined;
    for (let level = after + 1; level <= this.entries.length; level++) {
      const entry = this.entries[level - 1];
      if (entry === undefined || !isFor(entry, error, execution)) continue;
      return { level, name: entry.name, run: () => this.run(entry, execution, error, level) };
    }
    return undefined;
  }

  used(execution: Execution, step: FallbackStep): void {
    const { name, stats } = execution.parts;
    execution.rescuedBy = step.level;
    execution.fallbacks.push({ level: step.level, name: step.name, error: undefined });
    stats.fellBack(step.level);
    if (!this.context.events.listens('resilience.fallback.used')) return;
    const payload: FallbackUsedEvent = {
      policy: name,
      executionId: execution.id,
      level: step.level,
      name: step.name,
      error: execution.lastError,
    };
    this.context.events.emit('resilience.fallback.used', payload);
  }

  failed(execution: Execution, original: unknown): void {
    const errors = execution.fallbacks.map((fallback) => fallback.error);
    attachFallbackErrors(original, errors);
    if (!this.context.events.listens('resilience.fallback.failed')) return;
    const payload: FallbackFailedEvent = {
      policy: execution.parts.name,
      executionId: execution.id,
      error: original,
      errors,
    };
    this.context.events.emit('resilience.fallback.failed', payload);
  }

  operator<T>(execution: Execution): MonoTypeOperatorFunction<T> {
    return fallbackTo(this, execution);
  }

  private run(entry: CompiledEntry, execution: Execution, error: unknown, level: number): unknown {
    const { target } = entry;
    if (isConstant(target)) return target.value;
    const context: FallbackContext = {
      error,
      attempts: execution.attempts,
      level,
      errors: [error, ...execution.fallbacks.map((fallback) => fallback.error)],
    };
    const { self } = execution;
    const method = typeof target === 'string' ? (self as Record<string, unknown>)[target] : target;
    if (typeof method !== 'function')
      throw new TypeError(`${execution.parts.name}: no fallback method '${entry.name}'`);
    return Reflect.apply(method, self, [...execution.storableArgs(), context]) as unknown;
  }
}

/** Of a result that this call's fallbacks refused, only the entries that refuse it, and those that take any such error. */
function isFor({ matches, refuses }: CompiledEntry, error: unknown, execution: Execution): boolean {
  const refused = error === execution.refused && error instanceof ResultRejectedError;
  return refused && refuses !== undefined ? refuses(error.result) : matches?.(error) !== false;
}

function isConstant(target: FallbackTarget): target is { readonly value: unknown } {
  return typeof target === 'object';
}

function nameOf(target: FallbackTarget): string {
  if (typeof target === 'string') return target;
  return typeof target === 'function' ? target.name || 'function' : 'value';
}
