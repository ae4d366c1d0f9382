import { type AttemptContext, ResilienceError } from '@nest-resilience/core';
import { Injectable } from '@nestjs/common';

/** What a policy refuses a call with: each wire says it in its own words. */
export class RefusedError extends ResilienceError {
  constructor(
    code: string,
    readonly retryAfterMs?: number,
  ) {
    super(`refused: ${code}`, code, 'Shop.refuse');
  }
}

/** What the handlers of an application saw; `entered` resolves when one of them runs. */
@Injectable()
export class Log {
  calls = 0;
  fallbacks = 0;
  signal: AbortSignal | undefined;
  private enter: () => void = () => undefined;
  readonly entered = new Promise<void>((resolve) => (this.enter = resolve));

  /** @returns the number of the call, from 1 */
  begin(attempt?: AttemptContext): number {
    this.calls++;
    this.signal = attempt?.signal;
    this.enter();
    return this.calls;
  }
}
