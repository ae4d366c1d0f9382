import type { CallStats } from './call-stats.js';
import type { PolicyContext } from './policy-context.js';
import type { CircuitBreakerStage, DeadLetterStage, FallbackStage, RetryStage, TimeoutStage } from './stages.js';

/** The policies of one method, ready to run; a missing one is not configured. */
export interface PipelineParts {
  /** `Class.method`, or the name given to `createPolicy`. */
  readonly name: string;
  readonly context: PolicyContext;
  readonly stats: CallStats;
  /** Index of the parameter that takes the attempt, -1 for none. */
  readonly attemptIndex: number;
  readonly deadLetter: DeadLetterStage | undefined;
  readonly fallback: FallbackStage | undefined;
  readonly timeout: TimeoutStage | undefined;
  readonly retry: RetryStage | undefined;
  readonly breakers: CircuitBreakerStage | undefined;
}

export type Method = (...args: never[]) => unknown;

/** Calls the method with the attempt in its place. */
export function callMethod(
  parts: PipelineParts,
  method: Method,
  self: unknown,
  args: readonly unknown[],
  attempt: unknown,
): unknown {
  if (parts.attemptIndex < 0) return Reflect.apply(method, self, args);
  const filled = [...args];
  while (filled.length < parts.attemptIndex) filled.push(undefined);
  filled[parts.attemptIndex] = attempt;
  return Reflect.apply(method, self, filled);
}
