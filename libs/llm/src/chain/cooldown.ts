import { classifyError, type Clock, type FailureReason, onAbort, type Random } from '@nest-resilience/core';

/** Longer hints are cut: nobody is left out for a day because of one header. */
const MAX_COOLDOWN_MS = 300_000;

/** Share of the hint by which the end is moved, only ever later: replicas that were refused together do not come back together. */
const JITTER = 0.1;

/** "At once" is what nobody means who has just refused. */
const SHORTEST_MS = 1;

/** Who waited for the end of a cooldown starts within so long after it. */
const SPREAD_MS = 1000;

/** How long a target is left alone after a failure for a reason, when it gave no hint itself. Milliseconds. */
export type CooldownPeriods = Readonly<Partial<Record<FailureReason, number | undefined>>>;

/** What passes by itself, and is waited for. For any other reason a target is asked last, but is asked. */
const PASSING: readonly (FailureReason | undefined)[] = ['rate_limit', 'overloaded'];

/** Until when a target is left alone, and why. Time is read, never scheduled, but for those who wait. */
export class Cooldown {
  private until = 0;
  private because: FailureReason | undefined;
  private hints = 0;
  private heard: ((ms: number) => void) | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly periods: CooldownPeriods = {},
  ) {}

  get remainingMs(): number {
    return Math.max(0, this.until - this.clock.now());
  }

  /** Why it is left alone at present. */
  get reason(): FailureReason | undefined {
    return this.remainingMs > 0 ? this.because : undefined;
  }

  /** Whether its end is worth waiting for: until then nothing is sent. */
  get isPassing(): boolean {
    return PASSING.includes(this.reason);
  }

  /** Of two deadlines the later one holds. */
  failed(error: unknown): void {
    const { reason, retryAfterMs } = classifyError(error, this.clock.epochNow());
    const period = this.periods[reason] ?? 0;
    const longest = Math.max(MAX_COOLDOWN_MS, period);
    // A key or a quota does not come back because a header says so.
    const shortest = PASSING.includes(reason) ? SHORTEST_MS : period;
    const hintMs = retryAfterMs === undefined ? period : Math.max(retryAfterMs, shortest);
    if (hintMs <= 0) return;
    const ms = Math.min(hintMs, longest) * (1 + JITTER * this.random());
    this.cool(ms, reason);
    this.heard?.(ms);
  }

  /** As another replica has found. */
  cool(ms: number, reason: FailureReason = 'rate_limit'): void {
    this.hints++;
    const until = this.clock.now() + ms;
    if (until <= this.until) return;
    this.until = until;
    this.because = reason;
  }

  /** Something else has shown that the reason is gone. */
  lift(...reasons: readonly FailureReason[]): void {
    if (this.because !== undefined && reasons.includes(this.because)) this.until = 0;
  }

  /** Hears of every deadline that was found here. */
  onCool(heard: (ms: number) => void): void {
    this.heard = heard;
  }

  /** @returns to be called when the request that goes out now is answered: one that was sent before a hint says nothing against it */
  asked(): () => void {
    const { hints } = this;
    return () => {
      if (hints === this.hints) this.until = 0;
    };
  }

  /**
   * Waits so long, and up to a second more, so that those who wait do not all start at once. No timer is left behind.
   * @param stop ends the wait without a word
   * @throws the signal's reason, when it aborts meanwhile
   */
  wait(ms: number, signal: AbortSignal | undefined, stop?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = () => {
        timer.cancel();
        unlisten?.();
        unstop?.();
        if (signal?.aborted === true) reject(signal.reason);
        else resolve();
      };
      const timer = this.clock.setTimer(end, ms + SPREAD_MS * this.random());
      const unlisten = signal && onAbort(signal, end);
      const unstop = stop && onAbort(stop, end);
    });
  }
}
