/** Durations that the long average forgets by: about so many of the latest make it. */
const LONG_WINDOW = 600;
/** Slower than usual by less than this is no sign of overload. */
const TOLERANCE = 1.5;
/** How much of a new limit is taken over at once. */
const SMOOTHING = 0.2;
const MIN_SAMPLES = 10;

/**
 * How many attempts may run at once, learnt from how long they take, after the gradient limit of Netflix' concurrency-limits
 * (https://github.com/Netflix/concurrency-limits): while attempts take as long as usual, a few more may run; when they take longer, they
 * queue somewhere behind us, and fewer may.
 */
export class AdaptiveLimit {
  private exact: number;
  private usualMs = 0;
  private seen = 0;
  private sumMs = 0;
  private samples = 0;
  private mostInUse = 0;

  constructor(
    readonly min: number,
    readonly max: number,
    begin: number,
  ) {
    this.exact = Math.min(max, Math.max(min, begin));
  }

  get limit(): number {
    return Math.floor(this.exact);
  }

  /** An attempt took this long, while so many ran. */
  sample(durationMs: number, inUse: number): void {
    this.sumMs += durationMs;
    this.mostInUse = Math.max(this.mostInUse, inUse);
    if (++this.samples < Math.max(MIN_SAMPLES, this.limit)) return;
    this.judge(this.sumMs / this.samples);
    this.sumMs = this.samples = this.mostInUse = 0;
  }

  private judge(nowMs: number): void {
    this.seen = Math.min(LONG_WINDOW, this.seen + this.samples);
    this.usualMs += ((nowMs - this.usualMs) * this.samples) / this.seen;
    // What has been slow for long and is quick again is the usual from now on.
    if (this.usualMs > 2 * nowMs) this.usualMs = (this.usualMs + nowMs) / 2;
    const gradient = nowMs > 0 ? Math.min(1, Math.max(0.5, (TOLERANCE * this.usualMs) / nowMs)) : 1;
    // Nothing is learnt about more places from those that nobody needed.
    if (gradient === 1 && this.mostInUse < this.exact / 2) return;
    const next = this.exact * gradient + (gradient === 1 ? Math.sqrt(this.exact) : 0);
    const smoothed = this.exact * (1 - SMOOTHING) + next * SMOOTHING;
    this.exact = Math.min(this.max, Math.max(this.min, smoothed));
  }
}
