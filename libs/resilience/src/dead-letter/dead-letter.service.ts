import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { type FailedCall, type FailedElsewhere, failedOnce } from '../engine/dead-letter-sink.js';
import type { NotNowError } from '../engine/errors.js';
import * as option from '../engine/option/index.js';
import { pageOf } from '../engine/pages.js';
import { repeat } from '../engine/repeat.js';
import { AutoRedrive } from './redrive/auto-redrive.js';
import {
  AUTO_REDRIVE,
  type AutoRedriveOptions,
  type ResolvedAutoRedriveOptions,
} from './redrive/auto-redrive.options.js';
import { REDRIVE_ALL, redriveAll, type RedriveAllOptions, type RedriveReport } from './redrive/batch.js';
import type { DeadLetterEntry, DeadLetterRecord } from './dead-letter.entry.js';
import { closed, leased, notFound, targetUnknown } from './dead-letter.errors.js';
import { readFilter, readQuery } from './store/query.js';
import type { DeadLetterCodec } from './dead-letter.options.js';
import { Redriver, type RedriverParts, type RedriveResult, uncallable } from './redrive/redrive.js';
import { encodeEdited } from './redrive/edit.js';
import { maxArgsBytesOf } from './capture/serializer.js';
import { excerptOf } from './capture/excerpt.js';
import type {
  DeadLetterCount,
  DeadLetterFilter,
  DeadLetterPage,
  DeadLetterQuery,
  PruneReport,
} from './store/dead-letter.store.js';
import { CLOSED_STATUSES, MOVABLE_STATUSES } from './store/transitions.js';
import { exportLines, importLines, type ImportReport } from './store/transfer.js';
import { type DeadLetterRetention, RETENTION } from './store/retention.js';
import { type DeadLetterView, entryOf, viewOf } from './dead-letter.view.js';

/**
 * Says why an entry may not be redriven now, or nothing if it may. An entry that is refused stays as it is: no redrive is counted.
 * @param unattended nobody asked for this one: it is `autoRedrive`
 */
export type DeadLetterGate = (record: DeadLetterRecord, unattended: boolean) => NotNowError | undefined;

export interface DeadLetterServiceParts extends Omit<RedriverParts, 'replicaId' | 'leaseMs' | 'refusal'> {
  /** @default host name, process id and a few random letters */
  readonly replicaId?: string;
  /** How long a crashed replica's redrive stays blocked. Milliseconds. @default 60_000 */
  readonly leaseMs?: number;
  /** Keeps a call by the options of its method. @default nothing is kept */
  readonly keep?: (call: FailedCall) => Promise<string | undefined>;
  readonly retention?: DeadLetterRetention;
  /** @default off */
  readonly autoRedrive?: AutoRedriveOptions | boolean;
  /** Asked before an entry is redriven without a person: whether the circuit in its way is closed. @default always */
  readonly mayCall?: (target: string, args: readonly unknown[]) => boolean;
}

const RETENTION_INTERVAL_MS = 3_600_000;

/** Everything a person or a program can do with the entries of this application. */
export class DeadLetterService {
  private readonly redriver: Redriver;
  private readonly gates: DeadLetterGate[] = [];
  private readonly retention: option.OutOf<typeof RETENTION>;
  private readonly autoRedrive: ResolvedAutoRedriveOptions | undefined;
  private rounds: AutoRedrive | undefined;
  private stopTidying: (() => void) | undefined;

  constructor(private readonly parts: DeadLetterServiceParts) {
    const replicaId = parts.replicaId ?? `${hostname()}:${process.pid}:${randomUUID().slice(0, 8)}`;
    const refusal = (record: DeadLetterRecord) => this.refusal(record, false);
    this.redriver = new Redriver({ ...parts, refusal, replicaId, leaseMs: parts.leaseMs ?? 60_000 });
    this.retention = option.read(RETENTION, parts.retention, 'deadLetter > retention');
    this.autoRedrive = option.read(AUTO_REDRIVE, parts.autoRedrive, 'deadLetter > autoRedrive');
  }

  /** Asks this, too, before any entry is redriven. For those who cannot run their methods at all times. */
  addGate(gate: DeadLetterGate): void {
    this.gates.push(gate);
  }

  /**
   * Keeps a call that failed elsewhere: in a queue's worker, in code that catches the error itself. Its queue, redaction, key and redrive
   * are those of the method, which is not called now.
   * @returns the entry's id once it is durable; `undefined` when it could not be kept
   * @throws ResilienceError `RESILIENCE_DEAD_LETTER_TARGET` when `target` is no method with `@DeadLetter` of this application
   */
  async add(call: FailedElsewhere): Promise<string | undefined> {
    return this.parts.keep?.(failedOnce(call, this.parts.clock.epochNow()));
  }

  /**
   * A page ends at the limit, or at about 4 MiB of JSON. Arguments above 64 KiB, and those with a blob, come in part and marked as `excerpt`.
   * @throws ResilienceOptionsError with every problem of the query
   */
  list(query: DeadLetterQuery = {}): Promise<DeadLetterPage<DeadLetterEntry>> {
    return this.page(query, (record) => this.entry(record));
  }

  async get(id: string): Promise<DeadLetterEntry | undefined> {
    const record = await this.parts.store.get(id);
    return record && this.entry(record);
  }

  /** {@link list} for the wire. */
  views(query: DeadLetterQuery = {}): Promise<DeadLetterPage<DeadLetterView>> {
    return this.page(query, (record) => viewOf(record, this.codecOf(record)));
  }

  /** {@link get} for the wire. */
  async view(id: string): Promise<DeadLetterView | undefined> {
    const record = await this.parts.store.get(id);
    return record && viewOf(record, this.codecOf(record));
  }

  /** By queue and status; pairs without entries are missing. */
  async count(filter: DeadLetterFilter = {}): Promise<DeadLetterCount[]> {
    return this.parts.store.count(readFilter(filter, 'DeadLetterService.count'));
  }

  /**
   * Calls the entry's method again. When that fails too, this is a result (`outcome: 'failed'`) and not an error.
   * @throws DeadLetterError when there is nothing to run: unknown id, closed, in somebody else's hands, not replayable
   * @throws NotNowError of a {@link addGate gate}
   */
  async redrive(id: string): Promise<RedriveResult> {
    return this.redriver.redrive(id);
  }

  /** Oldest first, each once; poisoned ones only with `status: 'poisoned'`. Resolves when the batch is over or cancelled. */
  async redriveAll(filter: DeadLetterFilter = {}, options: RedriveAllOptions = {}): Promise<RedriveReport> {
    const path = 'DeadLetterService.redriveAll';
    const { store, clock } = this.parts;
    const checked = option.read(REDRIVE_ALL, options, path);
    return redriveAll({ store, clock, redriver: this.redriver }, readFilter(filter, path), checked);
  }

  /**
   * Replaces the arguments of a pending or poisoned entry; it is pending afterwards and can be redriven.
   * @param args all arguments of the method, as it would get them; kept as they are, nothing is taken out
   * @throws ResilienceOptionsError with everything that keeps the method from being called with them; the entry is as it was
   * @throws DeadLetterError when the id is unknown, the entry is being redriven or closed, or its method is not dead-lettered here
   */
  async edit(id: string, args: readonly unknown[], options: { note?: string } = {}): Promise<DeadLetterEntry> {
    const { store, clock, codecOf, knowsTarget } = this.parts;
    const record = await this.require(id);
    if (!MOVABLE_STATUSES.includes(record.status)) throw immovable(record);
    // In whose form they would be kept, nobody here knows.
    if (knowsTarget?.(record.target) === false) throw targetUnknown(record);
    const done = await store.edit(id, {
      args: encodeEdited(args, record, codecOf?.(record.target)),
      ...{ replayable: true, notReplayable: [], at: clock.epochNow() },
      ...(options.note !== undefined && { note: options.note }),
    });
    return this.afterMove(id, done);
  }

  /** @throws DeadLetterError when the id is unknown or the entry is being redriven or closed */
  async discard(id: string, options: { note?: string } = {}): Promise<DeadLetterEntry> {
    await this.require(id);
    return this.afterMove(id, await this.parts.store.discard(id, { ...options, at: this.parts.clock.epochNow() }));
  }

  /** Removes what matches for good. Without a `status` only resolved and discarded entries. Returns how many. */
  async purge(filter: DeadLetterFilter): Promise<number> {
    return this.parts.store.purge({ status: CLOSED_STATUSES, ...readFilter(filter, 'DeadLetterService.purge') });
  }

  /** NDJSON, a line at a time, oldest first. */
  export(filter: DeadLetterFilter = {}): AsyncIterable<string> {
    return exportLines(this.parts.store, readFilter(filter, 'DeadLetterService.export'));
  }

  /** NDJSON in chunks of any size, e.g. a file's read stream. Entries already known by id stay as they are. */
  async import(source: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>): Promise<ImportReport> {
    return importLines(this.parts.store, source, (target) => maxArgsBytesOf(this.parts.codecOf?.(target)));
  }

  /** Forgets what {@link DeadLetterRetention} allows, and gives back what crashed replicas held. */
  async tidy(): Promise<PruneReport> {
    await this.redriver.releaseExpired();
    const { age, maxEntriesPerQueue } = this.retention;
    return this.parts.store.prune({ closedBefore: this.parts.clock.epochNow() - age, maxEntriesPerQueue });
  }

  /**
   * Calls {@link tidy} now and then every hour, and redrives without a person where `autoRedrive` is on. Does not keep the
   * process alive.
   * @param report gets each outcome; a failing store is tried again an hour later
   */
  start(report: (outcome: PruneReport | { readonly error: unknown }) => void = () => undefined): void {
    this.stop();
    const tidy = () => void this.tidy().then(report, (error: unknown) => report({ error }));
    this.stopTidying = repeat(this.parts.clock, RETENTION_INTERVAL_MS, tidy);
    tidy();
    if (this.autoRedrive === undefined) return;
    const { store, clock } = this.parts;
    this.rounds = new AutoRedrive(
      {
        ...{ store, clock, redriver: this.redriver },
        mayCall: (record) => this.mayCall(record),
        failed: (error) => report({ error }),
      },
      this.autoRedrive,
    );
    this.rounds.start();
  }

  /** Nothing begins any more; a redrive that runs goes on. */
  stop(): void {
    this.rounds?.stop();
    this.stopTidying?.();
  }

  private mayCall(record: DeadLetterRecord): boolean {
    const { mayCall } = this.parts;
    if (uncallable(record, this.parts) || this.refusal(record, true)) return false;
    return mayCall?.(record.target, this.entry(record).args) ?? true;
  }

  private refusal(record: DeadLetterRecord, unattended: boolean): NotNowError | undefined {
    for (const gate of this.gates) {
      const refused = gate(record, unattended);
      if (refused) return refused;
    }
    return undefined;
  }

  private async page<T>(query: DeadLetterQuery, show: (record: DeadLetterRecord) => T): Promise<DeadLetterPage<T>> {
    const found = await this.parts.store.list(readQuery(query, 'DeadLetterService.list'), { excerpts: true });
    return pageOf(found, show, excerptOf);
  }

  private entry(record: DeadLetterRecord): DeadLetterEntry {
    return entryOf(record, this.codecOf(record));
  }

  private codecOf({ target }: DeadLetterRecord): DeadLetterCodec | undefined {
    return this.parts.codecOf?.(target);
  }

  private async require(id: string): Promise<DeadLetterRecord> {
    const record = await this.parts.store.get(id);
    if (!record) throw notFound(id);
    return record;
  }

  private async afterMove(id: string, done: boolean): Promise<DeadLetterEntry> {
    const record = await this.require(id);
    if (!done) throw immovable(record);
    return this.entry(record);
  }
}

function immovable(record: DeadLetterRecord) {
  return record.status === 'redriving' ? leased(record) : closed(record);
}
