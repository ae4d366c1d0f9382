import { SMALL_WINDOW } from './small-count-window.js';
import type { OutcomeWindow } from './window.js';

const WORD = SMALL_WINDOW;

/** The last `size` outcomes, a bit each; for windows too large for the small one. */
export class CountWindow implements OutcomeWindow {
  calls = 0;
  failures = 0;
  slowCalls = 0;
  private next = 0;
  private readonly failed: number[];
  private readonly slow: number[];

  constructor(private readonly size: number) {
    const words = Math.ceil(size / WORD);
    this.failed = new Array<number>(words).fill(0);
    this.slow = new Array<number>(words).fill(0);
  }

  record(failed: boolean, slow: boolean): void {
    const word = (this.next / WORD) | 0;
    const bit = 1 << (this.next % WORD);
    if (this.calls === this.size) {
      if (((this.failed[word] ?? 0) & bit) !== 0) this.failures--;
      if (((this.slow[word] ?? 0) & bit) !== 0) this.slowCalls--;
    } else {
      this.calls++;
    }
    this.failed[word] = failed ? (this.failed[word] ?? 0) | bit : (this.failed[word] ?? 0) & ~bit;
    this.slow[word] = slow ? (this.slow[word] ?? 0) | bit : (this.slow[word] ?? 0) & ~bit;
    if (failed) this.failures++;
    if (slow) this.slowCalls++;
    this.next = this.next + 1 === this.size ? 0 : this.next + 1;
  }

  *outcomes(): Iterable<{ failed: boolean; slow: boolean }> {
    const oldest = this.calls === this.size ? this.next : 0;
    for (let nth = 0; nth < this.calls; nth++) {
      const index = (oldest + nth) % this.size;
      const word = (index / WORD) | 0;
      const bit = 1 << (index % WORD);
      yield { failed: ((this.failed[word] ?? 0) & bit) !== 0, slow: ((this.slow[word] ?? 0) & bit) !== 0 };
    }
  }

  advance(): void {
    // Outcomes leave by being overwritten, not by time.
  }

  clear(): void {
    this.calls = this.failures = this.slowCalls = this.next = 0;
    this.failed.fill(0);
    this.slow.fill(0);
  }
}
