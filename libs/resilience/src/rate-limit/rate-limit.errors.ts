import { brandError } from '../engine/error-brand.js';
import { ResilienceError } from '../engine/errors.js';

/** Why an attempt got no tokens; `cost`: it needs more than the limit, `cannot_wait`: the method is synchronous. */
export type RateLimitRefusal = 'no_tokens' | 'cost' | 'cannot_wait' | 'shutdown';

/** The rate limit had no tokens for the attempt; the method was not entered. Retried by default, unless it can never pass. */
export class RateLimitError extends ResilienceError {
  static {
    brandError(this, 'RateLimitError');
  }

  constructor(
    policy: string,
    /** Tokens per interval. */
    readonly limit: number,
    readonly intervalMs: number,
    /** Milliseconds until the tokens would have been there; Infinity for an attempt that costs more than the limit. */
    readonly retryAfterMs: number,
    readonly because: RateLimitRefusal = 'no_tokens',
    /** Tokens that the attempt needed. */
    readonly cost = 1,
  ) {
    const rate = `the limit of ${limit} per ${intervalMs} ms`;
    super(`${policy}: ${wordsFor(because, rate, cost, retryAfterMs)}`, 'RESILIENCE_RATE_LIMITED', policy);
  }
}

function wordsFor(because: RateLimitRefusal, rate: string, cost: number, retryAfterMs: number): string {
  if (because === 'cost')
    return `a call that costs ${cost} can never pass ${rate}; raise limit, or lower what cost answers`;
  const state = `${rate} is used up for ${Math.ceil(retryAfterMs)} ms`;
  if (because === 'no_tokens') return state;
  return `${state}, and ${because === 'cannot_wait' ? 'a synchronous method cannot wait' : 'nobody waits while the application shuts down'}`;
}
