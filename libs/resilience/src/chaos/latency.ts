import { isObservable, Observable } from 'rxjs';

import { bindContext } from '../engine/async-context.js';
import type { PolicyContext } from '../engine/policy-context.js';
import { isAsyncIterable, isThenable } from '../engine/return-kind.js';

/**
 * Makes an answer late: a promise settles later, an Observable is subscribed to later, an async iterable is pulled later.
 * Other answers are there already.
 */
export function addLatency(context: PolicyContext, latencyMs: number, answer: unknown): unknown {
  if (isThenable(answer)) return settleLater(context, latencyMs, answer);
  if (isObservable(answer)) return subscribeLater(context, latencyMs, answer);
  return isAsyncIterable(answer) ? pullLater(context, latencyMs, answer) : answer;
}

/** @returns cancels the wait; shutdown ends it */
function wait({ clock, shutdown }: PolicyContext, latencyMs: number, done: () => void): () => void {
  const cancel = (): void => {
    timer.cancel();
    forget();
  };
  const finish = bindContext(() => {
    cancel();
    done();
  });
  const timer = clock.setTimer(finish, shutdown.stopping ? 0 : latencyMs);
  const forget = shutdown.onStop(finish);
  return cancel;
}

async function settleLater(context: PolicyContext, latencyMs: number, answer: PromiseLike<unknown>): Promise<unknown> {
  try {
    return await answer;
  } finally {
    await new Promise<void>((resolve) => wait(context, latencyMs, resolve));
  }
}

function subscribeLater<T>(context: PolicyContext, latencyMs: number, answer: Observable<T>): Observable<T> {
  return new Observable((subscriber) => {
    subscriber.add(wait(context, latencyMs, () => void answer.subscribe(subscriber)));
  });
}

/** By hand instead of a generator: a consumer that leaves early ends the wait, and the source's own `return` is reached. */
function pullLater(context: PolicyContext, latencyMs: number, answer: AsyncIterable<unknown>): AsyncIterable<unknown> {
  return {
    [Symbol.asyncIterator]() {
      const items = answer[Symbol.asyncIterator]();
      let end = (): void => undefined;
      let waited: Promise<void> | undefined;
      const delayed = (): Promise<void> =>
        (waited ??= new Promise((resolve) => {
          const cancel = wait(context, latencyMs, resolve);
          end = () => {
            cancel();
            resolve();
          };
        }));
      return {
        async next() {
          await delayed();
          return items.next();
        },
        async return(value?: unknown) {
          end();
          return (await items.return?.(value)) ?? { done: true, value };
        },
      };
    },
  };
}
