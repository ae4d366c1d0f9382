import { DurationHistogram } from './duration-histogram.js';

/** How things ended, each counted once, and whether something was retried on the way. */
export class OutcomeCounts {
  successfulWithoutRetry = 0;
  successfulWithRetry = 0;
  failedWithoutRetry = 0;
  failedWithRetry = 0;
  /** Those that a fallback rescued, by its level from 1 (index 0 is level 1). */
  readonly fallbacksByLevel: number[] = [];

  fellBack(level: number): void {
    countLevel(this.fallbacksByLevel, level);
  }

  count(succeeded: boolean, retried: boolean): void {
    if (!retried) {
      if (succeeded) this.successfulWithoutRetry++;
      else this.failedWithoutRetry++;
    } else if (succeeded) this.successfulWithRetry++;
    else this.failedWithRetry++;
  }
}

/** What happened to the calls of one method: counted per call, never per attempt. */
export class CallStats extends OutcomeCounts {
  /** Times the method itself was entered. */
  attempts = 0;
  /** Attempts refused by a circuit. */
  rejected = 0;
  timeouts = 0;
  deadLettered = 0;
  /** Of whole calls, in milliseconds. */
  readonly durations = new DurationHistogram();

  get total(): number {
    return this.successfulWithoutRetry + this.successfulWithRetry + this.failedWithoutRetry + this.failedWithRetry;
  }

  get fallbacks(): number {
    return this.fallbacksByLevel.reduce((sum, count) => sum + count, 0);
  }

  /** @param attempts times the method was entered; hedged ones without being retried */
  finish(succeeded: boolean, attempts: number, durationMs: number, retried = attempts > 1): void {
    this.count(succeeded, retried);
    this.attempts += attempts;
    this.durations.record(durationMs);
  }

  snapshot(): MethodMetrics {
    const total = this.total;
    const successful = this.successfulWithoutRetry + this.successfulWithRetry;
    const retried = this.successfulWithRetry + this.failedWithRetry;
    return {
      total,
      successful,
      failed: total - successful,
      successRate: total === 0 ? 1 : successful / total,
      retryRate: total === 0 ? 0 : retried / total,
      averageAttempts: total === 0 ? 0 : this.attempts / total,
      fallbacks: this.fallbacks,
      p50: this.durations.quantile(0.5),
      p95: this.durations.quantile(0.95),
      p99: this.durations.quantile(0.99),
    };
  }
}

/** @param counts by level from 1 (index 0 is level 1) */
export function countLevel(counts: number[], level: number): void {
  while (counts.length < level) counts.push(0);
  counts[level - 1] = (counts[level - 1] ?? 0) + 1;
}

/** JSON shape of one method's metrics. Rates are 0..1, durations milliseconds. */
export interface MethodMetrics {
  readonly total: number;
  readonly successful: number;
  readonly failed: number;
  /** Of calls; a call that a fallback rescued is successful. */
  readonly successRate: number;
  /** Share of calls that were tried more than once. */
  readonly retryRate: number;
  readonly averageAttempts: number;
  readonly fallbacks: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}
