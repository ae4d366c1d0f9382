import { mayPass } from '../../engine/classifier/may-pass.js';
import type { DeadLetterRecord } from '../dead-letter.entry.js';
import { type KeepInStore, NoAnswer, NOT_ASKED } from './spill.js';

/** Rejections without one success between, after which a run ends: the store takes nothing, not even to look at. */
const FIRST_PATIENCE = 100;
const LAST_PATIENCE = 100_000;
/** Each costs seconds. More than one, for an entry that is too much for the store may be the only one that is. */
const MAX_UNANSWERED = 2;

/** How many rejections a run bears, more after each that ended by them: so no number of bad entries blocks those behind for ever. */
export class Patience {
  private value = FIRST_PATIENCE;

  get rejections(): number {
    return this.value;
  }

  grow(): void {
    this.value = Math.min(this.value * 2, LAST_PATIENCE);
  }

  reset(): void {
    this.value = FIRST_PATIENCE;
  }
}

/**
 * One reading back. Tells an entry that the store refuses from a store that takes nothing: by a success that comes after
 * the rejection. What passes by itself (a lock, a full disk, a connection that was cut) is no refusal, whatever comes after it: such an
 * entry waits for a later run.
 */
export class SpillRun {
  kept = 0;
  private readonly refused = new Map<string, unknown>();
  private readonly suspects = new Map<string, unknown>();
  private readonly later = new Set<string>();
  private unanswered = 0;
  private failed: { readonly error: unknown } | undefined;

  constructor(
    private readonly keep: KeepInStore,
    private readonly patience: Patience,
  ) {}

  /** `true`: the store takes nothing, and the run is over. */
  get over(): boolean {
    return this.failed !== undefined;
  }

  /** Why entries stay in the spill; `undefined` when none does. */
  get failure(): unknown {
    return this.failed?.error ?? [...this.suspects.values()].at(-1);
  }

  get rejectedAny(): boolean {
    return this.refused.size + this.suspects.size + this.later.size > 0;
  }

  /** Entries that wait for a later run although the store takes others. */
  get left(): number {
    return this.later.size;
  }

  /** `true` when the store has it. */
  async offer(record: DeadLetterRecord): Promise<boolean> {
    let answer: unknown;
    try {
      answer = await this.keep(record);
    } catch (error) {
      this.rejected(record, error);
      return false;
    }
    this.kept++;
    if (answer === NOT_ASKED) return true;
    this.unanswered = 0;
    this.patience.reset();
    for (const [id, error] of this.suspects) {
      if (mayPass(error)) this.later.add(id);
      else this.refused.set(id, error);
    }
    this.suspects.clear();
    return true;
  }

  /** What became of an entry that was offered. */
  verdict({ id }: DeadLetterRecord): 'kept' | 'refused' | 'left' {
    if (this.refused.has(id)) return 'refused';
    return this.suspects.has(id) || this.later.has(id) ? 'left' : 'kept';
  }

  /**
   * A second try for a refused entry: what was slow, or in another's way, may fit in now. Only the same answer again is a
   * refusal; the store may have gone away meanwhile.
   */
  async confirm(record: DeadLetterRecord): Promise<{ readonly error: unknown } | 'kept' | 'left'> {
    try {
      await this.keep(record);
      this.kept++;
      return 'kept';
    } catch (error) {
      if (String(error) === String(this.refused.get(record.id))) return { error };
      this.suspects.set(record.id, error);
      return 'left';
    }
  }

  private rejected({ id }: DeadLetterRecord, error: unknown): void {
    this.suspects.set(id, error);
    if (error instanceof NoAnswer && ++this.unanswered >= MAX_UNANSWERED) this.failed = { error };
    if (this.suspects.size >= this.patience.rejections) {
      this.failed = { error };
      this.patience.grow();
    }
  }
}
