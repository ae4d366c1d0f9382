import type { TimerHandle } from '../engine/clock.js';
import { messageOf } from '../engine/foreign-error.js';
import { redactText } from '../engine/redaction/index.js';
import { ShutdownWait } from '../engine/shutdown-wait.js';
import type { DeadLetterRecord } from './dead-letter.entry.js';
import { type DeadLetterSpill, type Drained, NoAnswer, NOT_ASKED, type RefusedEntry } from './spill/spill.js';
import type { DeadLetterLog, DeadLetterWriterOptions, Written } from './dead-letter.writer.options.js';
import { FileSpill } from './spill/file.spill.js';
import { RingSpill } from './spill/ring.spill.js';
import { StoreAnswers } from './store/store-answers.js';

/** With a spill file that is slow it makes less than the 50 ms that a call may lose to a store that hangs. */
const STORE_TIMEOUT_MS = 30;
/** When there is nothing durable to go to, and when nobody waits. */
const PATIENT_STORE_TIMEOUT_MS = 5_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 60_000;
/** Between two tries of what the store refuses. */
const REFUSED_RETRY_MS = 3_600_000;
/** A start does not wait longer for what an earlier process left, an end not for its last try. */
const BOOT_MS = 5_000;
const LAST_TRY_MS = 5_000;

/** Ids of entries that the store has although they are in the spill; they must not pile up here. */
const MAX_TAKEN_IDS = 10_000;

/**
 * Writes records to the store or, while it fails or hangs, to the spill; reads the spill back in when the store answers
 * again. A circuit around the store, so to say: the first call that waits in vain opens it, and takes all that wait beside it
 * along. One per application. Nothing it does rejects.
 */
export class DeadLetterWriter {
  private readonly spill: DeadLetterSpill;
  private readonly log: DeadLetterLog;
  private readonly listeners = new Set<(degraded: boolean) => void>();
  private readonly answers: StoreAnswers;
  private readonly taken = new Set<string>();
  private readonly storeTimeoutMs: number;
  private isDegraded = false;
  private retryMs = FIRST_RETRY_MS;
  private timer: TimerHandle | undefined;
  private refusedTimer: TimerHandle | undefined;
  private triedRefusedAt = -Infinity;
  private draining: Promise<void> | undefined;
  private closed = false;
  private tryUntil = Infinity;
  /** Something is in the spill that came too late for the last run, or that it could not read. */
  private unread = false;

  constructor(private readonly options: DeadLetterWriterOptions) {
    this.spill = options.spillDirectory === undefined ? new RingSpill() : new FileSpill(options.spillDirectory);
    this.log = options.log ?? console;
    this.answers = new StoreAnswers(options.store, options.clock, (id) => this.answeredLate(id));
    this.storeTimeoutMs = options.storeTimeoutMs ?? (this.spill.durable ? STORE_TIMEOUT_MS : PATIENT_STORE_TIMEOUT_MS);
    if (options.failure !== undefined) this.degrade(options.failure);
  }

  /** `true` while entries go to the spill because the store fails. */
  get degraded(): boolean {
    return this.isDegraded;
  }

  /** Entries that the store refuses while it takes others: kept in the spill directory, one a file, until somebody looks. */
  countRefused(): Promise<number> {
    return this.spill.countRefused();
  }

  /** Calls back when {@link degraded} changes. Returns the way to stop that. */
  onDegradedChange(listener: (degraded: boolean) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Resolves once the record is durable, or as well kept as it can be. */
  async write(record: DeadLetterRecord): Promise<Written> {
    // A failing call must not also wait for a store that is known to be down: the timer finds out when it is back.
    const asks = !this.isDegraded;
    if (asks) {
      try {
        const { id, outcome } = await this.answers.add(record, this.storeTimeoutMs);
        return { kept: 'store', id, merged: outcome === 'merged' };
      } catch (error) {
        this.degrade(error);
        if (error instanceof NoAnswer) this.answers.giveUp(error);
      }
    }
    return this.spillOut(record, asks);
  }

  /** Reads back what an earlier process left. Resolves after 5 s at the latest: the rest goes on beside the application. */
  async start(): Promise<void> {
    if (this.isDegraded) return;
    await this.answers.within(this.readBack(), BOOT_MS).catch(() => undefined);
  }

  /** Brings what is in the spill into the store. Concurrent calls share one run. */
  readBack(): Promise<void> {
    this.draining ??= this.drain().finally(() => (this.draining = undefined));
    return this.draining;
  }

  /** Stops trying, after one last try of 5 s at most. What is in a spill file then waits for the next process. */
  async close(): Promise<void> {
    this.closed = true;
    this.tryUntil = this.options.clock.now() + LAST_TRY_MS;
    this.timer?.cancel();
    this.refusedTimer?.cancel();
    if (this.isDegraded || this.draining || this.unread)
      await new ShutdownWait(this.options.clock).forLast(this.lastTry());
  }

  private async lastTry(): Promise<void> {
    await this.readBack();
    // That was a run which was under way already.
    if (this.unread) await this.readBack();
  }

  private async drain(): Promise<void> {
    this.timer?.cancel();
    const { store, clock } = this.options;
    const alsoRefused = clock.now() - this.triedRefusedAt >= REFUSED_RETRY_MS;
    this.unread = false;
    let retryMs = FIRST_RETRY_MS;
    try {
      const { kept, refused, failure, left } = await this.spill
        .drain((record) => this.keep(record), alsoRefused)
        .catch((error: unknown) => {
          retryMs = this.longerRetryMs;
          return this.unreadable(error);
        });
      if (kept > 0) this.log.warn(`${kept} dead letters were read back from the spill into the store ${store.name}`);
      this.reportRefused(refused);
      if (failure !== undefined) throw failure;
      // Without anything to read back nothing has shown yet that the store answers.
      if (this.isDegraded && kept === 0) {
        const asked = Promise.resolve().then((): Promise<unknown> => store.probe?.() ?? store.get('probe'));
        await this.answers.within(asked, PATIENT_STORE_TIMEOUT_MS);
      }
      this.setDegraded(false);
      if (left !== undefined) {
        this.unread = true;
        retryMs = this.longerRetryMs;
      }
      this.retryMs = retryMs;
      if (this.unread) this.retryLater();
      if (alsoRefused) this.triedRefusedAt = clock.now();
      await this.planRefused();
    } catch (error) {
      this.retryMs = this.longerRetryMs;
      this.degrade(error);
    }
  }

  private async planRefused(): Promise<void> {
    this.refusedTimer?.cancel();
    if (this.closed || (await this.spill.countRefused()) === 0 || this.closed) return;
    const { clock } = this.options;
    const leftMs = Math.max(0, this.triedRefusedAt + REFUSED_RETRY_MS - clock.now());
    this.refusedTimer = clock.setTimer(() => void this.readBack(), leftMs);
    this.refusedTimer.unref();
  }

  private get longerRetryMs(): number {
    return Math.min(this.retryMs * 2, LAST_RETRY_MS);
  }

  /** No fault of the store, which goes on getting entries. */
  private unreadable(error: unknown): Drained {
    this.unread = true;
    this.log.error(`The spill of the dead letters cannot be read back, what is in it stays there: ${describe(error)}`);
    return { kept: 0, refused: [] };
  }

  private reportRefused(refused: readonly RefusedEntry[]): void {
    const [first] = refused;
    if (first === undefined) return;
    const { record, error, file } = first;
    this.log.error(
      `Dead letter ${record.id} (${record.target})${refused.length > 1 ? ` and ${refused.length - 1} others are` : ' is'} refused ` +
        `by the store ${this.options.store.name}, which takes others: ${describe(error)}. ` +
        (file === undefined
          ? 'Kept in memory only'
          : `Set aside as '${file}': tried again every hour, and read in by \`nest-resilience dead-letters import\`, once the store takes it`),
    );
  }

  private async spillOut(record: DeadLetterRecord, asked: boolean): Promise<Written> {
    try {
      await this.spill.append(record);
      this.unread = true;
      // The store may have come back while this was written: then nobody would look into the spill again.
      if (!this.isDegraded) this.retryLater();
      if (this.spill.durable) return { kept: 'spill', id: record.id };
      this.log.error(
        `Dead letter ${record.id} (${record.target}) is kept in memory only and lost with this process: the store fails and ` +
          `no spill directory is configured`,
      );
      return { kept: 'memory' };
    } catch (error) {
      // Better that the call waits for a store which may be down than that its entry is lost unasked.
      const added = asked ? undefined : await this.answers.add(record, this.storeTimeoutMs).catch(() => undefined);
      if (added) return { kept: 'store', id: added.id, merged: added.outcome === 'merged' };
      this.log.error(
        `Dead letter ${record.id} (${record.target}, execution ${record.executionId}) is LOST: neither the store nor the ` +
          `spill could be written (${describe(error)})`,
      );
      return { kept: 'nowhere' };
    }
  }

  private async keep(record: DeadLetterRecord): Promise<unknown> {
    // Once more, and a call with an idempotency key would be counted twice.
    if (this.taken.has(record.id)) return NOT_ASKED;
    const limitMs = Math.max(this.storeTimeoutMs, PATIENT_STORE_TIMEOUT_MS);
    const leftMs = this.tryUntil - this.options.clock.now();
    if (leftMs <= 0) throw new NoAnswer('this process ends');
    const { outcome } = await this.answers.addPatiently(record, Math.min(limitMs, leftMs));
    // The store knows it by its own id no longer, and its file may be read once more.
    if (outcome === 'merged') this.remember(record.id);
    return outcome;
  }

  /** It was only slow: no reason to wait for the timer. */
  private answeredLate(id: string): void {
    this.remember(id);
    if (this.isDegraded && !this.closed) void this.readBack();
  }

  private remember(id: string): void {
    if (this.taken.size >= MAX_TAKEN_IDS) for (const oldest of [...this.taken].slice(0, 1)) this.taken.delete(oldest);
    this.taken.add(id);
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
  return redactText(messageOf(error));
}
