import type { Clock } from '../../engine/clock.js';
import { NotNowError } from '../../engine/errors.js';
import type { ResolvedAutoRedriveOptions } from './auto-redrive.options.js';
import type { DeadLetterRecord } from '../dead-letter.entry.js';
import { DeadLetterError } from '../dead-letter.errors.js';
import { createPace } from '../../engine/pace.js';
import { repeatAfterEach } from '../../engine/repeat.js';
import type { Redriver } from './redrive.js';
import type { DeadLetterStore } from '../store/dead-letter.store.js';

export interface AutoRedriveParts {
  readonly store: Pick<DeadLetterStore, 'list'>;
  readonly clock: Clock;
  readonly redriver: Pick<Redriver, 'redriveNext' | 'releaseExpired'>;
  /** Whether the circuit in the way of this call is closed. Also true where there is none. */
  readonly mayCall: (record: DeadLetterRecord) => boolean;
  /** Is told of a round that the store ended; the next is tried as usual. */
  readonly failed: (error: unknown) => void;
}

const PAGE = 100;
/** Entries looked at in a round: most of a long list are not due yet, and the next round goes on behind them. */
const MAX_SEEN = 2_000;

/** Runs pending entries again in rounds, each after a wait of its own that grows with its failures. */
export class AutoRedrive {
  private stopRounds: (() => void) | undefined;
  private stopping = new AbortController();
  private readonly cursors = new Map<string | undefined, string>();

  constructor(
    private readonly parts: AutoRedriveParts,
    private readonly options: ResolvedAutoRedriveOptions,
  ) {}

  /** The first round comes after `interval`: a process that has just begun has other things to do. */
  start(): void {
    this.stop();
    this.stopping = new AbortController();
    const { signal } = this.stopping;
    const round = () => this.round(signal).catch((error: unknown) => this.parts.failed(error));
    this.stopRounds = repeatAfterEach(this.parts.clock, () => this.options.interval, round);
  }

  /** The redrive that runs goes on, no other begins. */
  stop(): void {
    this.stopRounds?.();
    this.stopping.abort();
  }

  private async round(signal: AbortSignal): Promise<void> {
    const { clock, redriver } = this.parts;
    const { ratePerSecond, limit, queues } = this.options;
    await redriver.releaseExpired();
    const pace = createPace(clock, 1_000 / ratePerSecond, signal);
    // One failure says enough about a target for this round: what it calls is still away.
    const resting = new Set<string>();
    let left = limit;
    for (const queue of queues ?? [undefined]) {
      for await (const record of this.due(queue)) {
        if (left === 0) return;
        if (resting.has(record.target) || !this.parts.mayCall(record)) continue;
        await pace();
        if (signal.aborted) return;
        left--;
        if (!(await this.succeeds(record))) resting.add(record.target);
      }
    }
  }

  /** `true` also when there was nothing to run: somebody else has it, or it cannot be run here. */
  private async succeeds(record: DeadLetterRecord): Promise<boolean> {
    try {
      return (await this.parts.redriver.redriveNext(record, ['pending'])).outcome === 'resolved';
    } catch (error) {
      if (error instanceof DeadLetterError || error instanceof NotNowError) return true;
      throw error;
    }
  }

  private async *due(queue: string | undefined): AsyncGenerator<DeadLetterRecord> {
    for (let seen = 0; seen < MAX_SEEN; seen += PAGE) {
      const cursor = this.cursors.get(queue);
      const page = await this.parts.store.list({
        ...{ status: 'pending', order: 'oldest', limit: PAGE },
        ...(queue !== undefined && { queue }),
        ...(cursor !== undefined && { cursor }),
      });
      for (const record of page.items) if (record.replayable && this.isDue(record)) yield record;
      if (page.nextCursor === null) {
        this.cursors.delete(queue);
        return;
      }
      this.cursors.set(queue, page.nextCursor);
    }
  }

  private isDue({ createdAt, lastRedriveAt, redrives }: DeadLetterRecord): boolean {
    const { baseDelay, multiplier, maxDelay } = this.options;
    const waitMs = Math.min(maxDelay, baseDelay * multiplier ** redrives);
    return (lastRedriveAt ?? createdAt) + waitMs <= this.parts.clock.epochNow();
  }
}
