import { from, isObservable, type Observable, of } from 'rxjs';

/** What a method returns; `unknown` until its first call has shown it. */
export type ReturnKind = 'promise' | 'observable' | 'iterable' | 'sync' | 'unknown';

/** As Promises/A+ has it: an object or a function with a `then`. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false;
  return typeof (value as { then?: unknown }).then === 'function';
}

/** Lets go of what nobody waits for: a promise among it never becomes an unhandled rejection. */
export function abandon(outcome: unknown): void {
  if (isThenable(outcome)) Promise.resolve(outcome).catch(() => undefined);
}

export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

export function kindOfValue(value: unknown): ReturnKind {
  if (value instanceof Promise || isThenable(value)) return 'promise';
  if (typeof value !== 'object' || value === null) return 'sync';
  if (isObservable(value)) return 'observable';
  return isAsyncIterable(value) ? 'iterable' : 'sync';
}

/** Anything a method may return, as a stream. */
export function toObservable(result: unknown): Observable<unknown> {
  if (isObservable(result)) return result;
  if (isThenable(result)) return from(Promise.resolve(result));
  return isAsyncIterable(result) ? from(result) : of(result);
}

const AsyncFunction = (async () => {}).constructor;
const AsyncGeneratorFunction = async function* () {}.constructor;
const GeneratorFunction = function* () {}.constructor;

/**
 * What can be known without calling: the function's own kind, then the type that TypeScript recorded (`design:returntype`).
 * @param declared that recorded type, `undefined` where there is none
 */
export function kindOfMethod(method: object, declared: unknown): ReturnKind {
  if (method.constructor === AsyncFunction) return 'promise';
  // Before what is recorded: SWC records `Promise` for an async generator too.
  if (method.constructor === AsyncGeneratorFunction) return 'iterable';
  if (method.constructor === GeneratorFunction) return 'sync';
  if (declared === Promise) return 'promise';
  if (declared === String || declared === Number || declared === Boolean || declared === Array) return 'sync';
  return isObservableClass(declared) ? 'observable' : 'unknown';
}

/** By name too: an application may hold a second copy of rxjs. */
function isObservableClass(declared: unknown): declared is typeof Observable {
  return typeof declared === 'function' && declared.name === 'Observable';
}
