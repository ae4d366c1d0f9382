import { onAbort } from '@nest-resilience/core';

/** The promise, or the signal's reason as soon as it is aborted. The abandoned promise never becomes an unhandled rejection. */
export function abortable<T>(promise: PromiseLike<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    const settled = onAbort(signal, abort);
    promise.then(
      (value) => {
        settled();
        resolve(value);
      },
      (error: unknown) => {
        settled();
        reject(error);
      },
    );
  });
}
