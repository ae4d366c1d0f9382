const ATTEMPT_INDEX = Symbol.for('nest-resilience:attempt-index');

/**
 * Gives a method its attempt: number, abort signal, last error, execution id, deadline.
 * Declare the parameter optional (`@Attempt() attempt?: AttemptContext`): callers leave it out, and a plain instance gets none.
 */
export function Attempt(): ParameterDecorator {
  return (target, key, index) => {
    if (key !== undefined) Reflect.defineMetadata(ATTEMPT_INDEX, index, target, key);
  };
}

/** -1 when the method does not take its attempt. */
export function attemptIndexOf(target: object, key: string): number {
  return (Reflect.getOwnMetadata(ATTEMPT_INDEX, target, key) as number | undefined) ?? -1;
}
