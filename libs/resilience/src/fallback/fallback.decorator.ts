import type { Observable } from 'rxjs';

import type { AnyMethod, Problem, GivenArgs, ItemOf, KeyUnless, MemberOf, Unseen } from '../nest/method-types.js';
import { policyDecorator } from '../nest/policy-decorator.js';
import type { FallbackContext, FallbackEntry, FallbackOptions, FallbackTarget } from './fallback.options.js';

/**
 * Answers in place of a method that failed after all its retries: another method of the class by name, a function, a constant,
 * or a chain of those. A fallback gets the original arguments followed by a `FallbackContext`.
 *
 * The compiler checks that the named method exists (private ones too), that the fallback takes what it is given and that it
 * answers with what the method promises.
 * @example `@Fallback([{ use: 'fromReplica', on: TimeoutError }, 'fromCache', { value: [] }])`
 */
export function Fallback<const F extends FallbackOptions>(options: F): FallbackDecorator<F> {
  return policyDecorator(
    'fallback',
    'Fallback',
    options,
    // On a class: a fallback falling back to itself would never end.
    (entries, method) => entries?.some(({ target }) => target === method) === true,
  );
}

/** On a class only the boot checks the names: its methods differ. */
export type FallbackDecorator<F> = ClassDecorator &
  (<T extends object, M>(
    target: T,
    key: Unseen<T> extends true ? string | symbol : KeyUnless<ChainProblem<F, T, M>>,
    descriptor: TypedPropertyDescriptor<M>,
  ) => void);

/**
 * The fallback of a method `M`, for a function whose parameters shall be typed by it:
 * `@Fallback<FallbackOf<Shop['price']>>((sku, { error }) => ...)`.
 */
export type FallbackOf<M extends AnyMethod> = M extends (...args: infer P) => infer R
  ? (...argsAndContext: [...GivenArgs<P>, context: FallbackContext]) => FallbackAnswer<R>
  : never;

/**
 * What may stand in for `R`. A method that waits takes an answer in any form; of a stream a promise gets the last item. A
 * synchronous method cannot wait for its fallback. A method without a result takes whatever comes.
 */
export type FallbackAnswer<R> = [ItemOf<R>] extends [void]
  ? unknown
  : R extends PromiseLike<AsyncIterable<unknown> | Observable<unknown>>
    ? PromiseLike<Awaited<R>>
    : R extends PromiseLike<unknown> | Observable<unknown>
      ? ItemOf<R> | PromiseLike<ItemOf<R>> | Observable<ItemOf<R>> | AsyncIterable<ItemOf<R>>
      : R extends AsyncIterable<infer V>
        ? V | PromiseLike<V> | AsyncIterable<V>
        : R;

/** Options that are not literal say nothing; the boot checks them. */
type ChainProblem<F, T, M> = [FallbackTarget] extends [F]
  ? never
  : F extends readonly (infer E)[]
    ? [FallbackTarget | FallbackEntry] extends [E]
      ? never
      : EntryProblem<E, T, M>
    : EntryProblem<F, T, M>;

type EntryProblem<E, T, M> = E extends string
  ? string extends E
    ? never
    : MethodProblem<E, MemberOf<T, E>, M>
  : E extends AnyMethod
    ? CallProblem<'function', E, M>
    : E extends { readonly use: infer U }
      ? EntryProblem<U, T, M>
      : E extends { readonly value: infer V }
        ? ValueProblem<V, M>
        : never;

type MethodProblem<N extends string, F, M> = F extends AnyMethod
  ? CallProblem<`'${N}'`, F, M>
  : `@Fallback('${N}'): the class has no method of that name`;

type CallProblem<What extends string, F extends AnyMethod, M> = M extends (...args: infer P) => infer R
  ? F extends (...argsAndContext: [...GivenArgs<P>, FallbackContext]) => unknown
    ? ReturnType<F> extends FallbackAnswer<R>
      ? never
      : Problem<`@Fallback(${What}) returns`, ReturnType<F>, 'but the method returns', R>
    : Problem<`@Fallback(${What}) takes`, Parameters<F>, 'but is given', [...GivenArgs<P>, context: FallbackContext]>
  : never;

type ValueProblem<V, M> = M extends (...args: never[]) => infer R
  ? [ItemOf<R>] extends [void]
    ? never
    : V extends ItemOf<R>
      ? never
      : Writable<V> extends ItemOf<R>
        ? never
        : Problem<'@Fallback({ value }) gives', V, 'but the method returns', R>
  : never;

/** A literal is inferred as constant, so that `'eur'` fits a union; it shall also fit a mutable array. */
type Writable<V> = V extends AnyMethod ? V : V extends object ? { -readonly [K in keyof V]: Writable<V[K]> } : V;
