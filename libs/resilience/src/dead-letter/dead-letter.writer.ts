import type { Clock, TimerHandle } from '../engine/clock.js';
import type { DeadLetterRecord } from './dead-letter.entry.js';
import { type DeadLetterSpill, FileSpill, RingSpill } from './dead-letter.spill.js';
import type { DeadLetterStore } from './dead-letter.store.js';

/** What Nest's `Logger` can do. */
export interface DeadLetterLog {
  warn(message: string): void;
  error(message: string): void;
}

export interface DeadLetterWriterOptions {
  readonly store: DeadLetterStore;
  readonly clock: Clock;
  /** Where entries wait while the store fails. Without it they wait in memory: the newest 1,000, lost with the process. */
  readonly spillDirectory?: string | undefined;
  /** Milliseconds after which a store that has not answered counts as failed. @default 5_000 */
  readonly storeTimeoutMs?: number;
  readonly log?: DeadLetterLog;
}

/** Where a record ended up. */
export type Written =
  | { readonly kept: 'store'; readonly id: string; readonly merged: boolean }
  | { readonly kept: 'spill'; readonly id: string }
  | { readonly kept: 'memory' | 'nowhere' };

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 60_000;

/**
 * Writes records to the store or, while it fails, to the spill; reads the spill back in when the store answers again.
 * One per application. Nothing it does rejects.
 */
export class DeadLetterWriter {
  private readonly spill: DeadLetterSpill;
  private readonly log: DeadLetterLog;
  private readonly listeners = new Set<(degraded: boolean) => void>();
  private isDegraded = false;
  private retryMs = FIRST_RETRY_MS;
  private timer: TimerHandle | undefined;
  private draining: Promise<void> | undefined;
  private closed = false;

  constructor(private readonly options: DeadLetterWriterOptions) {
    this.spill = options.spillDirectory === undefined ? new RingSpill() : new FileSpill(options.spillDirectory);
    this.log = options.log ?? console;
  }

  /** `true` while entries go to the spill because the store fails. */
  get degraded(): boolean {
    return this.isDegraded;
  }

  /** Calls back when {@link degraded} changes. Returns the way to stop that. */
  onDegradedChange(listener: (degraded: boolean) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Resolves once the record is durable, or as well kept as it can be. */
  async write(record: DeadLetterRecord): Promise<Written> {
    // A failing call must not also wait for a store that is known to be down: the timer finds out when it is back.
    if (!this.isDegraded) {
      try {
        const { id, outcome } = await this.add(record);
        return { kept: 'store', id, merged: outcome === 'merged' };
      } catch (error) {
        this.degrade(error);
      }
    }
    return this.spillOut(record);
  }

  /** Brings what is in the spill into the store. Call it at boot, for what a crashed process left. Concurrent calls share one run. */
  readBack(): Promise<void> {
    this.draining ??= this.drain().finally(() => (this.draining = undefined));
    return this.draining;
  }

  /** Stops trying, after one last try. What is in a spill file then waits for the next process. */
  async close(): Promise<void> {
    this.closed = true;
    this.timer?.cancel();
    if (this.isDegraded) await this.readBack();
  }

  private async drain(): Promise<void> {
    this.timer?.cancel();
    try {
      const kept = await this.spill.drain((record) => this.add(record));
      if (kept > 0)
        this.log.warn(`${kept} dead letters were read back from the spill into the store ${this.options.store.name}`);
      // Without anything to read back nothing has shown yet that the store answers.
      if (this.isDegraded && kept === 0) await this.options.store.get('probe');
      this.setDegraded(false);
      this.retryMs = FIRST_RETRY_MS;
    } catch (error) {
      this.retryMs = Math.min(this.retryMs * 2, LAST_RETRY_MS);
      this.degrade(error);
    }
  }

  private async spillOut(record: DeadLetterRecord): Promise<Written> {
    try {
      await this.spill.append(record);
      // The store may have come back while this was written: then nobody would look into the spill again.
      if (!this.isDegraded) this.retryLater();
      if (this.spill.durable) return { kept: 'spill', id: record.id };
      this.log.error(
        `Dead letter ${record.id} (${record.target}) is kept in memory only and lost with this process: the store fails and ` +
          `no spill directory is configured`,
      );
      return { kept: 'memory' };
    } catch (error) {
      this.log.error(
        `Dead letter ${record.id} (${record.target}, execution ${record.executionId}) is LOST: neither the store nor the ` +
          `spill could be written (${describe(error)})`,
      );
      return { kept: 'nowhere' };
    }
  }

  private add(record: DeadLetterRecord) {
    const { clock, store, storeTimeoutMs = 5_000 } = this.options;
    return new Promise<Awaited<ReturnType<DeadLetterStore['add']>>>((resolve, reject) => {
      const timer = clock.setTimer(
        () => reject(new Error(`the store ${store.name} has not answered within ${storeTimeoutMs} ms`)),
        storeTimeoutMs,
      );
      // `then` on a started promise: a store that throws synchronously rejects like any other.
      Promise.resolve()
        .then(() => store.add(record))
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }

  private degrade(error: unknown): void {
    if (!this.isDegraded) {
      this.log.error(
        `The dead-letter store ${this.options.store.name} fails, entries go to the spill: ${describe(error)}`,
      );
    }
    this.setDegraded(true);
    this.retryLater();
  }

  private retryLater(): void {
    this.timer?.cancel();
    if (this.closed) return;
    this.timer = this.options.clock.setTimer(() => void this.readBack(), this.retryMs);
    this.timer.unref();
  }

  private setDegraded(degraded: boolean): void {
    if (this.isDegraded === degraded) return;
    this.isDegraded = degraded;
    for (const listener of this.listeners) {
      try {
        listener(degraded);
      } catch (error) {
        this.log.error(`A listener for the dead-letter store's health failed: ${describe(error)}`);
      }
    }
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
