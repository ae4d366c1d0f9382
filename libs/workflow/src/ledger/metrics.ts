import { type ExecutionStatus, type ExecutionTotals, knownCost } from './execution.js';

/** Counted per execution, never per attempt. Rates are 0..1, `null` before anything ended; durations are milliseconds. */
export interface WorkflowMetrics {
  readonly workflow: string;
  readonly total: number;
  readonly queued: number;
  readonly running: number;
  readonly successful: number;
  readonly failed: number;
  readonly cancelled: number;
  /** successful / (successful + failed) */
  readonly successRate: number | null;
  /** Share of ended executions in which something was retried. */
  readonly retryRate: number | null;
  /** Attempts per node that ran. */
  readonly averageAttempts: number | null;
  /** Share of ended executions in which a fallback served a node or the run. */
  readonly fallbackRate: number | null;
  /** Share of ended executions that were degraded. */
  readonly degradedRate: number | null;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** US dollars, of what has a price; absent when nothing of it has one. */
  readonly costUsd?: number;
}

/**
 * Sums over the executions of one workflow, as a store can compute them. Percentiles by nearest rank, of succeeded and failed ones; a store
 * may give the duration of another one instead that took as long within 2 %.
 */
export interface ExecutionSums extends ExecutionTotals {
  readonly byStatus: Readonly<Partial<Record<ExecutionStatus, number>>>;
  /** Succeeded and failed executions with at least one of these. */
  readonly withRetries: number;
  readonly withFallbacks: number;
  readonly degraded: number;
  readonly p50: number | null;
  readonly p95: number | null;
}

export function toMetrics(workflow: string, { byStatus, ...sums }: ExecutionSums): WorkflowMetrics {
  const { queued = 0, running = 0, succeeded = 0, failed = 0, cancelled = 0 } = byStatus;
  const ended = succeeded + failed;
  return {
    workflow,
    total: queued + running + succeeded + failed + cancelled,
    queued,
    running,
    successful: succeeded,
    failed,
    cancelled,
    successRate: ratio(succeeded, ended),
    retryRate: ratio(sums.withRetries, ended),
    averageAttempts: ratio(sums.attempts, sums.nodes),
    fallbackRate: ratio(sums.withFallbacks, ended),
    degradedRate: ratio(sums.degraded, ended),
    p50: sums.p50,
    p95: sums.p95,
    inputTokens: sums.inputTokens,
    outputTokens: sums.outputTokens,
    ...knownCost(sums),
  };
}

/** Index of a percentile in a sorted list of `count` values (nearest rank). */
export function rank(percentile: number, count: number): number {
  return Math.max(0, Math.ceil((percentile / 100) * count) - 1);
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}
