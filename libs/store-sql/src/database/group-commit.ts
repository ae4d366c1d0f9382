import { setImmediate } from 'node:timers';
import { isConflict, isOneItems } from './flavour.js';

/** The database refused what one of the items brought; the transaction as such could have been committed. */
export class ItemRefused extends Error {
  constructor(override readonly cause: unknown) {
    super('one of the items was refused');
  }

  /** @throws ItemRefused, or the error itself where the database would take none of them now: a full disk, a lock, a timeout */
  static rethrow(this: void, error: unknown): never {
    throw isOneItems(error) || isConflict(error) ? new ItemRefused(error) : error;
  }

  /** That of the cause, by which conflicts are told. */
  get code(): unknown {
    return (this.cause as { code?: unknown } | null)?.code;
  }
}

/** What one transaction holds at most; a single item that is more goes alone. */
export interface GroupLimits<Item> {
  readonly items: number;
  /** Asked anew for each group: a server says only once it is there what it takes. */
  bytes(): number;
  bytesOf(item: Item): number;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly bytes: number;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Lets callers share transactions, and so the wait for the disk: all of one tick, and those that come while a transaction
 * is under way, go into the next one together. An item that the database refuses fails alone.
 */
export class GroupCommit<Item, Result> {
  private waiting: Waiting<Item, Result>[] = [];
  private running = false;

  /**
   * @param commit resolves with a result per item once all of them are durable; throws {@link ItemRefused} when it is an
   *   item's fault that they are not
   */
  constructor(
    private readonly commit: (items: readonly Item[]) => Promise<readonly Result[]>,
    private readonly limits: GroupLimits<Item>,
  ) {}

  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, bytes: this.limits.bytesOf(item), resolve, reject });
      if (this.running) return;
      this.running = true;
      this.runSoon();
    });
  }

  /** Not before the callers that the last transaction answered had their turn: most of them come straight back. */
  private runSoon(): void {
    // From node:timers: a test that has replaced the global ones still gets its answer.
    setImmediate(() => void this.run());
  }

  private async run(): Promise<void> {
    const size = this.nextSize();
    const group = this.waiting.slice(0, size);
    this.waiting = this.waiting.slice(size);
    await this.settle(group);
    this.running = this.waiting.length > 0;
    if (this.running) this.runSoon();
  }

  private nextSize(): number {
    const most = Math.min(this.limits.items, this.waiting.length);
    let left = this.limits.bytes();
    for (let size = 0; size < most; size++) if ((left -= this.waiting[size]!.bytes) < 0) return Math.max(1, size);
    return most;
  }

  private async settle(group: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.commit(group.map(({ item }) => item));
      group.forEach(({ resolve }, index) => resolve(results[index]!));
    } catch (error) {
      if (error instanceof ItemRefused && group.length > 1) {
        const middle = group.length >> 1;
        await this.settle(group.slice(0, middle));
        await this.settle(group.slice(middle));
        return;
      }
      for (const { reject } of group) reject(error instanceof ItemRefused ? error.cause : error);
    }
  }
}
