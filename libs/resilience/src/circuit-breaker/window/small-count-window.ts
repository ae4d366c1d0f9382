import type { OutcomeWindow } from './window.js';

/** Bits of a small integer in V8: a window up to this size needs no array. */
export const SMALL_WINDOW = 30;

/** The last `size` outcomes (at most {@link SMALL_WINDOW}) as bits of two integers: what nearly every breaker and key has. */
export class SmallCountWindow implements OutcomeWindow {
  calls = 0;
  failures = 0;
  slowCalls = 0;
  private next = 0;
  private failed = 0;
  private slow = 0;

  constructor(private readonly size: number) {}

  record(failed: boolean, slow: boolean): void {
    const bit = 1 << this.next;
    if (this.calls === this.size) {
      if ((this.failed & bit) !== 0) this.failures--;
      if ((this.slow & bit) !== 0) this.slowCalls--;
    } else {
      this.calls++;
    }
    this.failed = failed ? this.failed | bit : this.failed & ~bit;
    this.slow = slow ? this.slow | bit : this.slow & ~bit;
    if (failed) this.failures++;
    if (slow) this.slowCalls++;
    this.next = this.next + 1 === this.size ? 0 : this.next + 1;
  }

  *outcomes(): Iterable<{ failed: boolean; slow: boolean }> {
    const oldest = this.calls === this.size ? this.next : 0;
    for (let nth = 0; nth < this.calls; nth++) {
      const bit = 1 << ((oldest + nth) % this.size);
      yield { failed: (this.failed & bit) !== 0, slow: (this.slow & bit) !== 0 };
    }
  }

  advance(): void {
    // Outcomes leave by being overwritten, not by time.
  }

  clear(): void {
    this.calls = this.failures = this.slowCalls = this.next = this.failed = this.slow = 0;
  }
}
