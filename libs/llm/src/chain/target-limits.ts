import type { Clock } from '@nest-resilience/core';
import type { LlmLimits } from '../llm.options.js';
import type { LlmMessage } from '../llm.request.js';
import { TokenBucket } from './token-bucket.js';

/** English runs at about four characters a token; the real number settles the account afterwards. */
const CHARACTERS_PER_TOKEN = 4;
/** Assumed length of an answer when the request sets no `maxOutputTokens`. */
const ASSUMED_OUTPUT_TOKENS = 256;

export function estimateTokens(messages: readonly LlmMessage[], maxOutputTokens: number | undefined): number {
  const characters = messages.reduce((sum, message) => sum + message.content.length, 0);
  return Math.ceil(characters / CHARACTERS_PER_TOKEN) + (maxOutputTokens ?? ASSUMED_OUTPUT_TOKENS);
}

/** What one target may still send this minute. Tokens are reserved by an estimate and settled with what was really used. */
export class TargetLimits {
  private readonly requests: TokenBucket | undefined;
  private readonly tokens: TokenBucket | undefined;

  constructor(limits: LlmLimits | undefined, clock: Clock) {
    this.requests =
      limits?.requestsPerMinute === undefined ? undefined : new TokenBucket(limits.requestsPerMinute, clock);
    this.tokens = limits?.tokensPerMinute === undefined ? undefined : new TokenBucket(limits.tokensPerMinute, clock);
  }

  /** Milliseconds until there is room for one more request, 0 when there is now. */
  waitMs(estimatedTokens: number): number {
    return Math.max(this.requests?.waitMs(1) ?? 0, this.tokens?.waitMs(estimatedTokens) ?? 0);
  }

  /** Books one request; the returned function corrects the estimate. */
  take(estimatedTokens: number): (usedTokens: number) => void {
    this.requests?.take(1);
    this.tokens?.take(estimatedTokens);
    return (usedTokens) => this.tokens?.take(usedTokens - estimatedTokens);
  }
}
