import type { Observable } from 'rxjs';

import type { AttemptContext } from '../engine/attempt.js';

// What the compiler can say about a decorator and the method it stands on. Nothing here exists at run time.

/** The type of a member by its name. Through the index signature private and protected ones are found too; `unknown`: there is none. */
export type MemberOf<T, N extends string | symbol> = (T & { readonly [name: string | symbol]: unknown })[N];

export type AnyMethod = (...args: never[]) => unknown;

/** What a method answers with in the end: the value of its promise, the items of its stream. */
export type ItemOf<R> =
  R extends PromiseLike<infer V>
    ? Awaited<V>
    : R extends Observable<infer V>
      ? V
      : R extends AsyncIterable<infer V>
        ? V
        : R;

/** The parameters that a caller fills in: those of the method without its attempt, each of them given. */
export type GivenArgs<P extends readonly unknown[], Done extends readonly unknown[] = []> = P extends readonly []
  ? Done
  : number extends P['length']
    ? P extends readonly [infer H, ...infer Rest]
      ? GivenArgs<Rest, [...Done, H]>
      : [...Done, ...P]
    : P extends readonly [(infer H)?, ...infer Rest]
      ? [AttemptContext, H] extends [H, AttemptContext]
        ? GivenArgs<Rest, Rest extends readonly [] ? Done : [...Done, undefined]>
        : GivenArgs<Rest, [...Done, P extends readonly [unknown, ...unknown[]] ? H : H | undefined]>
      : Done;

/** Decorators that are put on by a program see no class, only `object`: nothing can be checked there. */
export type Unseen<T> = object extends T ? true : false;

/** The type of a decorator's `key` parameter: any key when there is no problem, otherwise the problem, which no key can be. */
export type KeyUnless<P> = [P] extends [never] ? string | symbol : P;

/** A problem as the compiler will print it: what is found, and what it should be. */
export type Problem<F extends string, Found, W extends string, Wanted> = {
  [K in F | W]: K extends F ? Found : Wanted;
};

/**
 * A decorator whose options have functions of the method's result (`R`) or arguments (`A`, and `B` for a second one); `unknown`
 * where they have none.
 * On a class it is not checked: its methods differ.
 */
export type PolicyDecorator<
  R,
  A extends readonly unknown[] = unknown[],
  B extends readonly unknown[] = unknown[],
> = ClassDecorator &
  (<T extends object, M>(
    target: T,
    key: Unseen<T> extends true
      ? string | symbol
      : KeyUnless<ResultProblem<R, M> | ArgsProblem<A, M> | ArgsProblem<B, M>>,
    descriptor: TypedPropertyDescriptor<M>,
  ) => void);

type ResultProblem<R, M> = M extends (...args: never[]) => infer Returned
  ? ItemOf<Returned> extends R
    ? never
    : Problem<'the option judges', R, 'but the method returns', Returned>
  : never;

type ArgsProblem<A extends readonly unknown[], M> = M extends (...args: infer P) => unknown
  ? ((...args: A) => void) extends (...args: P) => void
    ? never
    : Problem<'the option takes', A, 'but the method takes', P>
  : never;
