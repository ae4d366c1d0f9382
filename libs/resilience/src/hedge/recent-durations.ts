const CAPACITY = 128;
/** Below this a high percentile is just the slowest call so far. */
const MIN_SAMPLES = 20;
/** A percentile of 128 values hardly moves within so many; sorting for each call would be felt. */
const SORT_EVERY = 16;

/** The latest durations in a ring of fixed size, so that what was slow last night does not decide today. */
export class RecentDurations {
  private readonly ring = new Float64Array(CAPACITY);
  private recorded = 0;
  private sorted: Float64Array | undefined;
  private sortedAt = 0;

  record(durationMs: number): void {
    this.ring[this.recorded++ % CAPACITY] = durationMs;
  }

  /** Milliseconds within which the share `q` of the latest calls was answered; `undefined` while there are too few. */
  quantile(q: number): number | undefined {
    if (this.recorded < MIN_SAMPLES) return undefined;
    if (this.sorted === undefined || this.recorded - this.sortedAt >= SORT_EVERY) {
      this.sorted = this.ring.slice(0, Math.min(this.recorded, CAPACITY)).sort();
      this.sortedAt = this.recorded;
    }
    return this.sorted[Math.ceil(q * this.sorted.length) - 1];
  }
}
