import type { CallStats } from './call-stats.js';
import type { PolicyContext } from './policy-context.js';
import type { Permits } from './permits.js';
import type {
  CacheStage,
  ChaosStage,
  CircuitBreakerStage,
  CoalesceStage,
  DeadLetterStage,
  FallbackStage,
  HedgeStage,
  RetryStage,
  TimeoutStage,
} from './stages.js';

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
  readonly cache: CacheStage | undefined;
  readonly coalesce: CoalesceStage | undefined;
  readonly timeout: TimeoutStage | undefined;
  readonly retry: RetryStage | undefined;
  readonly hedge: HedgeStage | undefined;
  readonly breakers: CircuitBreakerStage | undefined;
  readonly permits: Permits | undefined;
  readonly chaos: ChaosStage | undefined;
}

/** Whether a first attempt alone cannot be the whole call: it may be answered without one, joined by others, or its answer replaced. */
export function needsOperators({ cache, coalesce, hedge, fallback }: PipelineParts): boolean {
  return cache !== undefined || coalesce !== undefined || hedge !== undefined || fallback?.refusesResult !== undefined;
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
  const given = parts.attemptIndex < 0 ? args : withAttempt(args, parts.attemptIndex, attempt);
  if (parts.chaos === undefined) return Reflect.apply(method, self, given);
  return parts.chaos.around(parts.name, () => Reflect.apply(method, self, given) as unknown);
}

function withAttempt(args: readonly unknown[], index: number, attempt: unknown): unknown[] {
  const filled = [...args];
  while (filled.length < index) filled.push(undefined);
  filled[index] = attempt;
  return filled;
}
