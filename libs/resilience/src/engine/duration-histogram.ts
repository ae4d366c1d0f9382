/** Eight buckets an octave keep the error of a quantile under 7 %. */
const SUB_BITS = 3;
const SUB_BUCKETS = 1 << SUB_BITS;
/** 2^31 microseconds, about 35 minutes; longer durations land in the last bucket. */
const MAX_US = 0x7fff_ffff;
const BUCKETS = (32 - SUB_BITS) * SUB_BUCKETS;

/**
 * Log-linear histogram of durations in fixed memory (HdrHistogram's bucketing).
 * `record` runs on every call, so it is integer arithmetic on a typed array: see bench/success-path.
 */
export class DurationHistogram {
  private counts: Uint32Array | undefined;
  count = 0;
  /** Milliseconds. */
  sum = 0;

  record(durationMs: number): void {
    const counts = (this.counts ??= new Uint32Array(BUCKETS));
    const us = durationMs * 1000;
    const index = bucketOf(us < MAX_US ? us | 0 : MAX_US);
    counts[index] = (counts[index] ?? 0) + 1;
    this.count++;
    this.sum += durationMs;
  }

  /** Milliseconds below which the share `q` (0..1) of all recorded durations lies; 0 when nothing was recorded. */
  quantile(q: number): number {
    if (this.counts === undefined) return 0;
    const rank = Math.max(1, Math.ceil(q * this.count));
    let seen = 0;
    for (let index = 0; index < BUCKETS; index++) {
      seen += this.counts[index] ?? 0;
      if (seen >= rank) return (lowerBoundUs(index) + lowerBoundUs(index + 1)) / 2000;
    }
    return 0;
  }

  /** Cumulative counts at the given upper bounds (milliseconds, ascending), as Prometheus wants them. */
  cumulative(boundsMs: readonly number[]): number[] {
    const { counts } = this;
    if (counts === undefined) return boundsMs.map(() => 0);
    const totals: number[] = [];
    let index = 0;
    let seen = 0;
    for (const bound of boundsMs) {
      while (index < BUCKETS && lowerBoundUs(index + 1) <= bound * 1000) seen += counts[index++] ?? 0;
      totals.push(seen);
    }
    return totals;
  }
}

function bucketOf(us: number): number {
  if (us < SUB_BUCKETS) return us < 0 ? 0 : us;
  const shift = 31 - Math.clz32(us) - SUB_BITS;
  return (shift + 1) * SUB_BUCKETS + ((us >> shift) - SUB_BUCKETS);
}

function lowerBoundUs(index: number): number {
  if (index < SUB_BUCKETS) return index;
  const shift = Math.floor(index / SUB_BUCKETS) - 1;
  return (SUB_BUCKETS + (index % SUB_BUCKETS)) * 2 ** shift;
}
