import { ResilienceError } from '@nest-resilience/core';

/** A request that is not made, whatever the network says: where it leads is not allowed. Never retried. Code `RESILIENCE_REQUEST_REFUSED`. */
export class RequestRefusedError extends ResilienceError {
  readonly isRetryable = false;

  constructor(
    readonly url: string,
    reason: string,
  ) {
    super(`The request to ${url} is refused: ${reason}`, 'RESILIENCE_REQUEST_REFUSED', 'http');
  }
}

/** An answer that says no. `status` and `headers` are what the classifier and Retry look at. Code `RESILIENCE_REQUEST_STATUS`. */
export class RequestStatusError extends ResilienceError {
  constructor(
    readonly url: string,
    readonly status: number,
    readonly headers: Readonly<Record<string, string>>,
    /** The beginning of the answer. */
    readonly body: string,
  ) {
    super(`${url} answered ${status}${body ? `: ${body.slice(0, 200)}` : ''}`, 'RESILIENCE_REQUEST_STATUS', 'http');
  }
}

/** An answer larger than allowed; nothing more of it was read. Never retried. Code `RESILIENCE_REQUEST_TOO_LARGE`. */
export class RequestTooLargeError extends ResilienceError {
  readonly isRetryable = false;

  constructor(
    readonly url: string,
    maxBytes: number,
  ) {
    super(
      `${url} answers with more than ${maxBytes} bytes; ask for less, or raise maxBytes`,
      'RESILIENCE_REQUEST_TOO_LARGE',
      'http',
    );
  }
}
