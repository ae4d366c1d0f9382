import type { Clock } from '@nest-resilience/core';
import type { SharedLimits } from './shared-limits.js';
import { TokenLimit } from './token-limit.js';

/** Per minute, and how long a call may wait for room when no other model has any. */
export interface ResolvedLimits {
  readonly requestsPerMinute: number | undefined;
  readonly tokensPerMinute: number | undefined;
  readonly maxWait: number;
}

/** What one target may still be sent, in requests and tokens: both are booked together, and tokens are settled afterwards. */
export class TargetLimits {
  private readonly requests: TokenLimit;
  private readonly tokens: TokenLimit;
  /** Booked with the shared limits for requests that come next. */
  private readonly booked = { requests: 0, tokens: 0 };
  /** Requests on their way. */
  inFlight = 0;
  readonly maxWaitMs: number;

  constructor(
    private readonly name: string,
    private readonly limits: ResolvedLimits | undefined,
    clock: Clock,
    private readonly shared?: SharedLimits,
    /** Hears that the target asked another replica to be left alone. */
    private readonly cool: (ms: number) => void = () => undefined,
  ) {
    this.requests = new TokenLimit(limits?.requestsPerMinute, clock);
    this.tokens = new TokenLimit(limits?.tokensPerMinute, clock);
    this.maxWaitMs = limits?.maxWait ?? 0;
  }

  /** Milliseconds until there is room for one more request, as far as this process knows. */
  waitMs(estimatedTokens: number): number {
    return Math.max(this.requests.waitMs(1), this.tokens.waitMs(estimatedTokens));
  }

  /** The same where all replicas count together; what was found to have room is booked. */
  async reserve(estimatedTokens: number): Promise<number> {
    const waitMs = this.waitMs(estimatedTokens);
    if (this.shared === undefined || waitMs > 0) return waitMs;
    const requests = await this.takeShared(`${this.name}#requests`, 1, this.limits?.requestsPerMinute);
    if (requests > 0) return requests;
    if (this.limits?.requestsPerMinute !== undefined) this.booked.requests++;
    const tokens = await this.takeShared(this.name, estimatedTokens, this.limits?.tokensPerMinute);
    if (tokens > 0) this.bookRequest(-1);
    else if (this.limits?.tokensPerMinute !== undefined) this.booked.tokens += estimatedTokens;
    return tokens;
  }

  /** Books one request, and may go into debt: what was used is used. The returned function corrects the estimate. */
  take(estimatedTokens: number): (usedTokens: number) => void {
    this.requests.take(1);
    this.inFlight++;
    const settle = this.tokens.take(estimatedTokens);
    // A retry was not booked before.
    if (this.booked.requests > 0) this.booked.requests--;
    else this.bookRequest(1);
    const booked = Math.min(this.booked.tokens, estimatedTokens);
    this.booked.tokens -= booked;
    return (usedTokens) => {
      this.inFlight--;
      settle(usedTokens);
      if (this.limits?.tokensPerMinute !== undefined) this.shared?.settle(this.name, usedTokens - booked);
    };
  }

  /** What is left of each limit. */
  room(): { readonly requests?: number; readonly tokens?: number } {
    const { requests, tokens } = { requests: this.requests.available, tokens: this.tokens.available };
    return { ...(requests !== undefined && { requests }), ...(tokens !== undefined && { tokens }) };
  }

  private bookRequest(by: 1 | -1): void {
    if (this.limits?.requestsPerMinute === undefined || this.shared === undefined) return;
    if (by < 0) this.booked.requests--;
    this.shared.settle(`${this.name}#requests`, by);
  }

  private async takeShared(bucket: string, tokens: number, perMinute: number | undefined): Promise<number> {
    if (perMinute === undefined) return 0;
    const taken = await this.shared?.take(bucket, Math.min(tokens, perMinute), perMinute);
    if (taken === undefined) return 0;
    if (taken.ok && taken.cooldownMs > 0) this.cool(taken.cooldownMs);
    return taken.ok ? 0 : taken.waitMs;
  }
}
