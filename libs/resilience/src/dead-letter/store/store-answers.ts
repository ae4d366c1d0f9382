import type { Clock } from '../../engine/clock.js';
import { within } from '../../engine/within.js';
import type { DeadLetterRecord } from '../dead-letter.entry.js';
import { NoAnswer } from '../spill/spill.js';
import type { DeadLetterAdded, DeadLetterStore } from './dead-letter.store.js';

const LAST_CHANCE_MS = 5;

/** Asks a store, and waits only so long for its answer. */
export class StoreAnswers {
  private readonly callers = new Set<(error: NoAnswer) => void>();

  constructor(
    private readonly store: DeadLetterStore,
    private readonly clock: Clock,
    /** The store took a record after all, when nobody waited any more. */
    private readonly onLate: (id: string) => void,
  ) {}

  /** For a caller, who may be told to {@link giveUp} earlier. @throws NoAnswer, or what the store throws */
  async add(record: DeadLetterRecord, limitMs: number): Promise<DeadLetterAdded> {
    return this.ask(record, limitMs, this.callers);
  }

  /** For nobody who waits. @throws NoAnswer, or what the store throws */
  async addPatiently(record: DeadLetterRecord, limitMs: number): Promise<DeadLetterAdded> {
    return this.ask(record, limitMs);
  }

  /** All callers that wait now go on with this error. */
  giveUp(error: NoAnswer): void {
    for (const giveUp of [...this.callers]) giveUp(error);
  }

  /** @throws NoAnswer */
  within<T>(promise: Promise<T>, limitMs: number): Promise<T> {
    return within(this.clock, limitMs, promise, () => {
      throw this.noAnswer(limitMs);
    });
  }

  private ask(record: DeadLetterRecord, limitMs: number, callers?: Set<(error: NoAnswer) => void>) {
    const { clock, store } = this;
    return new Promise<DeadLetterAdded>((resolve, reject) => {
      let ended = false;
      const end = (): boolean => {
        if (ended) return false;
        timer.cancel();
        callers?.delete(giveUp);
        return (ended = true);
      };
      const giveUp = (error: NoAnswer): void => {
        if (end()) reject(error);
      };
      const late = () => giveUp(this.noAnswer(limitMs));
      // In two steps: where the process itself stood still, the answer has come and gets its turn between them.
      let timer = clock.setTimer(() => (timer = clock.setTimer(late, LAST_CHANCE_MS)), limitMs - LAST_CHANCE_MS);
      callers?.add(giveUp);
      // `then` on a started promise: a store that throws synchronously rejects like any other.
      Promise.resolve()
        .then(() => store.add(record))
        .then(
          (added) => (end() ? resolve(added) : this.onLate(record.id)),
          (error: unknown) => {
            if (end()) reject(error instanceof Error ? error : new Error(String(error)));
          },
        );
    });
  }

  private noAnswer(limitMs: number): NoAnswer {
    return new NoAnswer(`the store ${this.store.name} has not answered within ${limitMs} ms`);
  }
}
