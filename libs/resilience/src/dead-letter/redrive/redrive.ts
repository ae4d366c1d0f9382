import type { Clock } from '../../engine/clock.js';
import type { NotNowError } from '../../engine/errors.js';
import type { EventSink } from '../../engine/events.js';
import { repeatAfterEach } from '../../engine/repeat.js';
import type { DeadLetterRecord, DeadLetterStatus, StoredError } from '../dead-letter.entry.js';
import { storeError } from '../capture/error-record.js';
import {
  closed,
  type DeadLetterError,
  foreignForm,
  leased,
  leaseLost,
  notFound,
  notReplayable,
  targetUnknown,
} from '../dead-letter.errors.js';
import { emitDeadLetterEvent } from '../dead-letter.events.js';
import type { DeadLetterCodec } from '../dead-letter.options.js';
import { createRedactor } from '../capture/redact.js';
import { decodeArgs, encodeArgs, maxUnpackedBytesOf } from '../capture/serializer.js';
import type { DeadLetterLease, DeadLetterStore } from '../store/dead-letter.store.js';
import { CLOSED_STATUSES, MOVABLE_STATUSES } from '../store/transitions.js';

export interface RedriverParts {
  readonly store: DeadLetterStore;
  readonly clock: Clock;
  readonly events: EventSink;
  /**
   * Calls the method behind `Class.method` through its whole pipeline, except that a failure is not dead-lettered again:
   * the entry is still there.
   */
  readonly replay: (target: string, args: unknown[]) => Promise<unknown>;
  /** Whether {@link replay} may call this target, because it is dead-lettered; asked before an entry is touched. @default any */
  readonly knowsTarget?: (target: string) => boolean;
  /** Why an entry may not be run now, if it may not; asked before it is touched. @default it always may */
  readonly refusal?: (record: DeadLetterRecord) => NotNowError | undefined;
  readonly codecOf?: (target: string) => DeadLetterCodec | undefined;
  /** Stands in leases, for people. */
  readonly replicaId: string;
  /** After a crash the entry is free again this late. Longer replays renew it. Milliseconds. */
  readonly leaseMs: number;
}

/** Why the method of an entry cannot be called with what is stored, whatever becomes of the entry's status. */
export function uncallable(
  record: DeadLetterRecord,
  { knowsTarget, codecOf }: Pick<RedriverParts, 'knowsTarget' | 'codecOf'>,
): DeadLetterError | undefined {
  if (knowsTarget?.(record.target) === false) return targetUnknown(record);
  const own = codecOf?.(record.target)?.reviveArgs ? 'custom' : 'superjson';
  // What could not be serialised is in no form, and says so itself.
  return record.replayable && codecOf && record.args.encoding !== own ? foreignForm(record, own) : undefined;
}

/** How one redrive ended. */
export interface RedriveResult {
  readonly id: string;
  readonly outcome: 'resolved' | 'failed';
  readonly status: DeadLetterStatus;
  readonly redrives: number;
  /** What the method threw. */
  readonly error?: unknown;
  /** The same as it is kept: plain data without secrets, fit to be shown. */
  readonly failure?: StoredError;
}

/** Runs entries again, one at a time, under a lease. */
export class Redriver {
  constructor(private readonly parts: RedriverParts) {}

  /**
   * @param from statuses from which the entry may be taken
   * @throws DeadLetterError when the entry cannot be run, NotNowError when not at this moment; when the method itself fails, that
   * is a result
   */
  async redrive(id: string, from: readonly DeadLetterStatus[] = MOVABLE_STATUSES): Promise<RedriveResult> {
    await this.releaseExpired();
    return this.redriveNext(await this.require(id), from);
  }

  /**
   * {@link redrive} for a batch, which has looked for expired leases when it began.
   * @param record the entry as it was listed; other replicas may have done it by now
   */
  async redriveNext(record: DeadLetterRecord, from: readonly DeadLetterStatus[]): Promise<RedriveResult> {
    const { store, clock, replicaId, leaseMs, refusal: refused } = this.parts;
    const { id } = record;
    if (record.status !== 'redriving' && !from.includes(record.status)) throw refusal(record);
    const cannot = uncallable(record, this.parts);
    if (cannot) throw cannot;
    const notNow = refused?.(record);
    if (notNow) throw notNow;
    const lease = await store.lease(id, { holder: replicaId, leaseMs, now: clock.epochNow(), from });
    if (!lease) throw refusal(await this.require(id));
    return this.run(lease);
  }

  /** Gives back what crashed replicas held. */
  async releaseExpired(): Promise<void> {
    const { store, clock, leaseMs } = this.parts;
    for (const released of await store.releaseExpired(clock.epochNow(), leaseMs)) {
      if (released.status === 'poisoned') this.emitPoisoned(released);
    }
  }

  private async run(lease: DeadLetterLease): Promise<RedriveResult> {
    const { store, clock, replay, codecOf } = this.parts;
    const { record } = lease;
    const startedAt = clock.now();
    const letGo = this.keep(lease);
    let failed: { readonly error: unknown; readonly failure: StoredError } | undefined;
    let args: readonly unknown[] = [];
    try {
      const codec = codecOf?.(record.target);
      args = decodeArgs(record.args, codec?.reviveArgs, maxUnpackedBytesOf(codec));
      await replay(record.target, [...args]);
    } catch (error) {
      failed = { error, failure: storeError(error, redactor, secretsOf(args)) };
    } finally {
      letGo();
    }
    const outcome = failed ? 'failed' : 'resolved';
    const status = await store.settle(lease, {
      ...{ outcome, at: clock.epochNow() },
      ...(failed && { error: failed.failure }),
    });
    if (status === undefined) throw leaseLost(record);
    const redrives = record.redrives + 1;
    this.report(record, { outcome, redrives, durationMs: clock.now() - startedAt, status });
    return { id: record.id, outcome, status, redrives, ...failed };
  }

  /** Renews the lease at a third of its time, for as long as the replay takes. Returns what ends it. */
  private keep(lease: DeadLetterLease): () => void {
    const { store, clock, leaseMs } = this.parts;
    const stop = repeatAfterEach(
      clock,
      () => leaseMs / 3,
      async () => {
        // A store that fails now may answer at the next beat; if it does not, the fence decides.
        const held = await store.renew(lease, { leaseMs, now: clock.epochNow() }).catch(() => true);
        if (!held) stop();
      },
    );
    return stop;
  }

  private report(
    { id, queue, target }: DeadLetterRecord,
    end: { outcome: 'resolved' | 'failed'; redrives: number; durationMs: number; status: DeadLetterStatus },
  ): void {
    const { outcome, redrives, durationMs } = end;
    emitDeadLetterEvent(this.parts.events, 'resilience.dead-letter.redriven', () => ({
      ...{ id, queue, target, outcome, redrives, durationMs },
    }));
    if (end.status === 'poisoned') this.emitPoisoned({ id, queue, target, redrives });
  }

  private emitPoisoned({
    id,
    queue,
    target,
    redrives,
  }: Pick<DeadLetterRecord, 'id' | 'queue' | 'target' | 'redrives'>) {
    emitDeadLetterEvent(this.parts.events, 'resilience.dead-letter.poisoned', () => ({ id, queue, target, redrives }));
  }

  private async require(id: string): Promise<DeadLetterRecord> {
    const record = await this.parts.store.get(id);
    if (!record) throw notFound(id);
    return record;
  }
}

const redactor = createRedactor([]);

/** Of arguments that a person edited: they hold what no other entry does, and messages repeat it. */
function secretsOf(args: readonly unknown[]): ReadonlySet<string> {
  return encodeArgs(args, { redact: [], maxArgsBytes: Infinity }).secrets;
}

function refusal(record: DeadLetterRecord) {
  if (CLOSED_STATUSES.includes(record.status)) return closed(record);
  if (record.status !== 'redriving' && !record.replayable) return notReplayable(record);
  return leased(record);
}
