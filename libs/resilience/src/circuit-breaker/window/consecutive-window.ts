import type { OutcomeWindow } from './window.js';

/** Failures since the last success; `calls` counts all results since it was cleared. */
export class ConsecutiveWindow implements OutcomeWindow {
  calls = 0;
  failures = 0;
  readonly slowCalls = 0;

  record(failed: boolean): void {
    this.calls++;
    this.failures = failed ? this.failures + 1 : 0;
  }

  advance(): void {
    // Knows no time.
  }

  clear(): void {
    this.calls = this.failures = 0;
  }
}
