import { readFileSync } from 'node:fs';
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';

/** What callers waited, and what of it they waited for this process: its loop, and the machine that gave its cores to others. */
export class Waits {
  /** Milliseconds, one per call. */
  readonly times: number[] = [];
  /** The same without those in which the main thread was ready to run and had no core. */
  readonly withoutMachine: number[] = [];
  private readonly loop: IntervalHistogram = monitorEventLoopDelay({ resolution: 5 });
  private idleAt = 0;
  private idleMs = 0;

  begin(): void {
    this.times.length = 0;
    this.withoutMachine.length = 0;
    this.loop.reset();
    this.loop.enable();
    this.idleAt = performance.now();
    this.idleMs = queuedMs();
  }

  async of<T>(call: () => Promise<T>): Promise<T> {
    const [at, queued] = [performance.now(), queuedMs()];
    try {
      return await call();
    } finally {
      const ms = performance.now() - at;
      this.times.push(ms);
      this.withoutMachine.push(Math.max(0, ms - (queuedMs() - queued)));
    }
  }

  /** Of all this time, and not only of the calls: the loop's delay beyond its rhythm, and the share of time without a core. */
  ofLoop(): { readonly p99: number; readonly max: number; readonly withoutCore: number } {
    this.loop.disable();
    return {
      p99: this.loop.percentile(99) / 1e6,
      max: this.loop.max / 1e6,
      withoutCore: (queuedMs() - this.idleMs) / (performance.now() - this.idleAt),
    };
  }
}

/** Linux counts, in nanoseconds, how long each thread has been ready and waited for a core. */
function queuedMs(): number {
  return Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[1]) / 1e6;
}

/** The nearest rank. */
export function percentile(times: readonly number[], share: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? NaN;
}
