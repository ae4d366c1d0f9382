import { ResilienceError } from '@nest-resilience/core';

/**
 * A value that cannot stand where a node wants it: nothing in a hole or a list, `..` in the path of a URL, a line break in a header.
 * Never retried, and no circuit counts it. Code `RESILIENCE_WORKFLOW_UNUSABLE_VALUE`.
 */
export class UnusableValueError extends ResilienceError {
  readonly isRetryable = false;

  constructor(
    message: string,
    readonly node: string,
    /** Where it stands, e.g. `http.headers.authorization`. */
    readonly place: string,
    /** As it is written, e.g. `{{ input.id }}`. */
    readonly expression: string,
  ) {
    super(message, 'RESILIENCE_WORKFLOW_UNUSABLE_VALUE', node);
  }
}
