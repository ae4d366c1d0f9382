import type { Clock } from '@nest-resilience/core';
import type { LlmMessage } from '../llm.request.js';
import { TokenBucket } from './token-bucket.js';

/** English runs at about four characters a token; the real number settles the account afterwards. */
const CHARACTERS_PER_TOKEN = 4;
/** Assumed length of an answer when the request sets no `maxOutputTokens`. */
const ASSUMED_OUTPUT_TOKENS = 256;

export function estimateTokens(messages: readonly LlmMessage[], maxOutputTokens: number | undefined): number {
  return inputTokensOf(messages) + (maxOutputTokens ?? ASSUMED_OUTPUT_TOKENS);
}

export function inputTokensOf(messages: readonly LlmMessage[]): number {
  return tokensOf(messages.reduce((sum, message) => sum + message.content.length, 0));
}

/** An estimate. */
export function tokensOf(characters: number): number {
  return Math.ceil(characters / CHARACTERS_PER_TOKEN);
}

/**
 * What one target may still send this minute, in tokens. They are reserved by an estimate and settled with what was really
 * used, which core's rate limit, made for costs known beforehand, does not do; requests per minute are core's business.
 */
export class TokenLimit {
  private readonly bucket: TokenBucket | undefined;

  constructor(tokensPerMinute: number | undefined, clock: Clock) {
    this.bucket = tokensPerMinute === undefined ? undefined : new TokenBucket(tokensPerMinute, clock);
  }

  /** Milliseconds until there is room for one more request, 0 when there is now. */
  waitMs(estimatedTokens: number): number {
    return this.bucket?.waitMs(estimatedTokens) ?? 0;
  }

  /** Books one request; the returned function corrects the estimate. */
  take(estimatedTokens: number): (usedTokens: number) => void {
    this.bucket?.take(estimatedTokens);
    return (usedTokens) => this.bucket?.take(usedTokens - estimatedTokens);
  }
}
