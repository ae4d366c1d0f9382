import type { LeaseTaken } from '../ledger/executor-lease.js';
import type { Dispatcher } from './dispatcher.js';
import type { Precedent } from './suspects.js';

/** Renewals of the lease between two looks for executions that nobody runs. */
const RENEWALS = 5;

/** Takes up what earlier processes left: once the application is ready and may run executions. */
export class TakeUp {
  private ready = false;
  private renewals = 0;
  private precedent: Precedent | undefined;

  constructor(
    private readonly dispatcher: () => Dispatcher,
    /** Off: what was left stays as it is until somebody asks for it. */
    private readonly enabled: boolean,
    /** Says that this process is there. */
    private readonly introduce: () => Promise<void>,
    private readonly report: (message: string, error: unknown) => void,
  ) {}

  /** @param mayRun whether this process may run executions now; if not, {@link leading} comes once it may */
  async begin(mayRun: boolean): Promise<void> {
    this.ready = true;
    if (mayRun) await this.go();
  }

  leading(lease: LeaseTaken): void {
    if (!this.enabled) return;
    this.precedent = lease;
    // What starts now could kill the process, and a run of the earlier one be blamed.
    if (lease.afterCrash) this.dispatcher().suspects.expect();
    if (this.ready) void this.go();
  }

  /** Looks again from time to time: what a process began that had just lost the lease is in no memory. */
  stillLeading(): void {
    if (!this.ready || ++this.renewals % RENEWALS !== 0) return;
    // It says so again soon; the ledger that fails is told of by others.
    void this.introduce().catch(() => undefined);
    void this.go();
  }

  private async go(): Promise<void> {
    if (!this.enabled) return;
    try {
      await this.dispatcher().recover(this.precedent);
      this.precedent = undefined;
    } catch (error) {
      this.report('Unfinished executions cannot be taken up; the next look is in a few seconds', error);
    }
  }
}
