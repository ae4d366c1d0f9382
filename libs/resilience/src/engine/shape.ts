import { isObservable, lastValueFrom, Observable, of } from 'rxjs';

import type { Attempt } from './attempt-state.js';
import type { Execution } from './execution.js';
import { isAsyncIterable, kindOfValue, toObservable } from './return-kind.js';
import type { StreamReader } from './stream-reader.js';

/** An answer that is not the end of its call: whoever takes it from the operators ends the call. */
export abstract class Unfinished {}

/** A stream whose first item is here. */
export class OpenStream extends Unfinished {
  constructor(
    readonly first: IteratorResult<unknown>,
    readonly iterator: AsyncIterator<unknown>,
    /** Absent for a fallback's. */
    readonly attempt?: Attempt,
    /** Who has read the first item already. */
    readonly reader?: StreamReader,
  ) {
    super();
  }

  /** Its first item, without the source. */
  alone(): OpenStream {
    leaveToItself(this.iterator);
    return new OpenStream(this.first, itemsOf(NOTHING));
  }
}

const NOTHING: AsyncIterable<unknown> = (async function* () {})();

/** A stream from a method that is known to answer at once. */
export class StreamInstead extends Unfinished {
  constructor(readonly stream: unknown) {
    super();
  }
}

/** How an answer travels through the operators: the only thing in which synchronous methods, promises and iterables differ. */
export type Shape = (answer: unknown, execution: Execution, attempt?: Attempt) => Observable<unknown>;

/** A promise or an Observable: its values. */
export const settling: Shape = toObservable;

/** A value that is there at once. Where a promise comes instead, the call waits from then on. */
export const immediate: Shape = (answer, execution, attempt) => {
  const kind = kindOfValue(answer);
  if (kind === 'sync') return of(answer);
  if (kind !== 'promise') return of(attempt === undefined ? answer : new StreamInstead(answer));
  execution.canWait = true;
  return toObservable(answer);
};

/** An async iterable: one {@link OpenStream} as soon as its first item is here. Given up before, the source is told, not waited for. */
export const opening: Shape = (answer, _execution, attempt) =>
  new Observable((subscriber) => {
    const iterator = iteratorOf(answer);
    const leave = (): void => leaveToItself(iterator);
    subscriber.add(leave);
    const next = (): Promise<IteratorResult<unknown>> => iterator.next();
    (attempt === undefined ? next() : attempt.traced(next)).then(
      (first) => {
        if (subscriber.closed) return;
        subscriber.remove(leave);
        subscriber.next(new OpenStream(first, iterator, attempt));
        subscriber.complete();
      },
      (error: unknown) => subscriber.error(error),
    );
  });

export function iteratorOf(answer: unknown): AsyncIterator<unknown> {
  return (isAsyncIterable(answer) ? answer : itemsOf(answer))[Symbol.asyncIterator]();
}

/** A source that failed or hangs may never answer. */
export function leaveToItself(iterator: AsyncIterator<unknown>): void {
  iterator.return?.().then(undefined, () => undefined);
}

/** Whatever a method or fallback answered with, as items: a stream's own, otherwise the one value. */
async function* itemsOf(answer: unknown): AsyncGenerator<unknown> {
  const value = isObservable(answer) ? await lastValueFrom(answer, { defaultValue: undefined }) : await answer;
  if (isAsyncIterable(value)) yield* value;
  else yield value;
}
