import { type Clock, mayPassAtStart, type TimerHandle } from '@nest-resilience/core';
import { within } from '@nest-resilience/core/kit';

/** Longer than a server needs that is merely busy; an application that starts is not kept longer by one that hangs. */
const START_MS = 5_000;
const AGAIN_MS = 2_000;

/** Opens the ledger of an application that starts: one that is away, read-only or hangs is opened as soon as it is there. */
export class LedgerOpening {
  /** Resolves once the ledger is open. */
  readonly opened: Promise<void>;
  private resolve: () => void = () => undefined;
  private failed: unknown;
  private timer: TimerHandle | undefined;
  private stopped = false;

  constructor(
    private readonly clock: Clock,
    private readonly open: () => Promise<void>,
    private readonly report: (message: string, error: unknown) => void,
  ) {
    this.opened = new Promise((resolve) => (this.resolve = resolve));
  }

  /** Why the ledger is not open, if it is not. */
  get failure(): unknown {
    return this.failed;
  }

  /**
   * Resolves after 5 s at the latest, with the ledger open or a {@link failure}.
   * @throws what does not pass by itself: tables of a newer release, a wrong password, an unknown host, a missing database or driver
   */
  async start(): Promise<void> {
    const opening = this.open();
    const hangs = Symbol('hangs');
    try {
      if ((await within(this.clock, START_MS, opening, () => hangs)) === hangs) {
        this.fail(
          Object.assign(new Error(`the ledger could not be opened within ${START_MS} ms`), { code: 'ETIMEDOUT' }),
        );
        void this.settle(opening);
      } else this.resolve();
    } catch (error) {
      if (!mayPassAtStart(error)) throw error;
      this.fail(error);
      this.again();
    }
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  private fail(error: unknown): void {
    if (this.failed === undefined)
      this.report('The ledger of executions cannot be opened yet; submissions are refused until it can', error);
    this.failed = error;
  }

  private again(): void {
    if (this.stopped) return;
    this.timer = this.clock.setTimer(() => void this.settle(this.open()), AGAIN_MS);
    this.timer.unref();
  }

  private async settle(opening: Promise<void>): Promise<void> {
    try {
      await opening;
      this.failed = undefined;
      this.resolve();
    } catch (error) {
      this.fail(error);
      this.again();
    }
  }
}
