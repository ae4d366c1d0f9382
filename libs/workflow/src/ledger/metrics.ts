import type { ExecutionStatus, ExecutionTotals } from './execution.js';
import type { WorkflowMetrics } from './execution-store.js';

/** Sums over the executions of one workflow, as a store can compute them. */
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
    costUsd: sums.costUsd,
  };
}

/** Index of a percentile in a sorted list of `count` values (nearest rank). */
export function rank(percentile: number, count: number): number {
  return Math.max(0, Math.ceil((percentile / 100) * count) - 1);
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}
