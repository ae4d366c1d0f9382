import { setImmediate } from 'node:timers';

/** The database refused what one of the items brought; the transaction as such could have been committed. */
export class ItemRefused extends Error {
  constructor(override readonly cause: unknown) {
    super('one of the items was refused');
  }

  /** That of the cause, by which conflicts are told. */
  get code(): unknown {
    return (this.cause as { code?: unknown } | null)?.code;
  }
}

interface Waiting<Item, Result> {
  readonly item: Item;
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
    private readonly maxItems: number,
  ) {}

  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
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
    const group = this.waiting.slice(0, this.maxItems);
    this.waiting = this.waiting.slice(this.maxItems);
    await this.settle(group);
    this.running = this.waiting.length > 0;
    if (this.running) this.runSoon();
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
