import type { AttemptContext } from '../engine/attempt.js';
import type { Problem, KeyUnless, MemberOf, Unseen } from './method-types.js';

const ATTEMPT_INDEX = Symbol.for('nest-resilience:attempt-index');

/**
 * Gives a method its attempt: number, abort signal, last error, execution id, deadline.
 * Declare the parameter optional (`@Attempt() attempt?: AttemptContext`): callers leave it out, and a plain instance gets none.
 * A parameter that cannot hold an `AttemptContext` is refused by the compiler.
 */
export function Attempt(): AttemptDecorator {
  return (target: object, key: unknown, index: number) => {
    if (typeof key === 'string' || typeof key === 'symbol') {
      Reflect.defineMetadata(ATTEMPT_INDEX, index, target, key);
    }
  };
}

/** Refuses constructors too: an instance has no attempt. */
export type AttemptDecorator = <T extends object, const K extends string | symbol, const I extends number>(
  target: T,
  key: Unseen<T> extends true ? string | symbol : K & KeyUnless<ParameterProblem<MemberOf<T, K>, I>>,
  index: I,
) => void;

type ParameterProblem<M, I extends number> = M extends (...args: infer P) => unknown
  ? AttemptContext extends P[I]
    ? never
    : Problem<'@Attempt() gives', AttemptContext, 'but the parameter is', P[I]>
  : never;

/** -1 when the method does not take its attempt. */
export function attemptIndexOf(target: object, key: string): number {
  return (Reflect.getOwnMetadata(ATTEMPT_INDEX, target, key) as number | undefined) ?? -1;
}
