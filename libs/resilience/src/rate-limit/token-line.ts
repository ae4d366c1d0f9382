import type { Clock, TimerHandle } from '../engine/clock.js';
import type { TokenBucket } from './token-bucket.js';
import type { PermitWait } from '../engine/permit-wait.js';
import { type Place, WaitingLine } from '../engine/waiting-line.js';

interface TokenWaiter {
  readonly cost: number;
  readonly wait: PermitWait;
}

/** Timers count in milliseconds; what is nearer than this is due, or rounding could set the same timer for ever. */
const DUE_MS = 0.001;

/**
 * Those who wait for tokens of one bucket, each with its tokens taken ahead. They fall due in the order they came, so one timer
 * serves them all: it exists for the first of the line, and the line itself only while somebody waits.
 */
export class TokenLine {
  private readonly line = new WaitingLine<TokenWaiter>();
  /** Tokens taken ahead for those in line. */
  private ahead = 0;
  private timer: TimerHandle | undefined;
  private serving = false;

  constructor(
    private readonly bucket: TokenBucket,
    private readonly clock: Clock,
    private readonly onEmpty: () => void,
  ) {}

  get length(): number {
    return this.line.length;
  }

  /** Follow with {@link serve} if it is the first of the line. */
  join(cost: number, wait: PermitWait): Place<TokenWaiter> {
    this.bucket.takeAhead(cost, this.clock.now());
    this.ahead += cost;
    return this.line.join({ cost, wait });
  }

  /** @param held whether the tokens are used; if not, everybody behind is due earlier */
  leave(place: Place<TokenWaiter>, held: boolean): void {
    const { cost } = place.waiter;
    this.line.leave(place);
    this.ahead -= cost;
    if (!held) this.bucket.giveBack(cost);
    if (place.ahead === undefined) this.serve();
  }

  /** Lets in everybody who is due, and sets the timer for the next. A loop: who is let in may change the line at once. */
  serve(): void {
    if (this.serving) return;
    this.serving = true;
    try {
      while (this.nextMs() <= DUE_MS) this.line.first?.waiter.wait.admit();
    } finally {
      // Also when one call's turn threw: the others must not wait for ever.
      this.serving = false;
      this.arm();
    }
  }

  private arm(): void {
    this.timer?.cancel();
    if (this.line.first === undefined) this.onEmpty();
    else this.timer = this.clock.setTimer(() => this.serve(), this.nextMs());
  }

  private nextMs(): number {
    const { first } = this.line;
    return first === undefined ? Infinity : this.bucket.waitMs(first.waiter.cost - this.ahead, this.clock.now());
  }
}
