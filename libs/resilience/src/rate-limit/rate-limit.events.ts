import type { RateLimitRefusal } from './rate-limit.errors.js';

export interface RateLimitRejectedEvent {
  readonly policy: string;
  readonly executionId: string;
  /** Name of the rate limit, which may be shared by several policies. Its key is not told: keys come from arguments. */
  readonly rateLimit: string;
  readonly because: RateLimitRefusal;
  readonly cost: number;
  /** Infinity for an attempt that costs more than the limit. */
  readonly retryAfterMs: number;
}

/** An error of `drainOn` emptied a bucket. */
export interface RateLimitDrainedEvent {
  readonly policy: string;
  readonly executionId: string;
  readonly rateLimit: string;
  /** Milliseconds until the next token, as the server asked; 0 when it said nothing. */
  readonly forMs: number;
}

export interface RateLimitEvents {
  'resilience.rate-limit.drained': RateLimitDrainedEvent;
  'resilience.rate-limit.rejected': RateLimitRejectedEvent;
}
