import type { OutcomeWindow } from './window.js';

const SLICES = 10;

/** The outcomes of the last `durationMs`, in ten slices that expire one by one. */
export class TimeWindow implements OutcomeWindow {
  calls = 0;
  failures = 0;
  slowCalls = 0;
  private readonly sliceMs: number;
  /** calls, failures and slow calls of each slice. */
  private readonly slices = new Array<number>(SLICES * 3).fill(0);
  /** Number of the slice that is being written, counted from the clock's origin. */
  private current = -1;

  constructor(durationMs: number) {
    this.sliceMs = durationMs / SLICES;
  }

  record(failed: boolean, slow: boolean, now: number): void {
    this.advance(now);
    const at = (this.current % SLICES) * 3;
    this.bump(at, 1);
    this.calls++;
    if (failed) {
      this.bump(at + 1, 1);
      this.failures++;
    }
    if (slow) {
      this.bump(at + 2, 1);
      this.slowCalls++;
    }
  }

  advance(now: number): void {
    const slice = Math.floor(now / this.sliceMs);
    if (slice <= this.current) return;
    if (slice - this.current >= SLICES) this.clear();
    else for (let expired = this.current + 1; expired <= slice; expired++) this.drop((expired % SLICES) * 3);
    this.current = slice;
  }

  clear(): void {
    this.calls = this.failures = this.slowCalls = 0;
    this.slices.fill(0);
  }

  private drop(at: number): void {
    this.calls -= this.slices[at] ?? 0;
    this.failures -= this.slices[at + 1] ?? 0;
    this.slowCalls -= this.slices[at + 2] ?? 0;
    this.slices.fill(0, at, at + 3);
  }

  private bump(at: number, by: number): void {
    this.slices[at] = (this.slices[at] ?? 0) + by;
  }
}
