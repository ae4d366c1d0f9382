import type { Clock } from '@nest-resilience/core';
import { TokenBucket } from '@nest-resilience/core/kit';
import type { LlmUsage } from '../llm.result.js';
import type { ModelPrompt } from '../providers/model-call.js';
import { charactersOf } from './prompt-text.js';

const MINUTE_MS = 60_000;
/** English runs at about four characters a token; the real number settles the account afterwards. */
const CHARACTERS_PER_TOKEN = 4;
/** Assumed length of an answer when the request sets no `maxOutputTokens`. */
const ASSUMED_OUTPUT_TOKENS = 256;

export function estimateTokens(prompt: ModelPrompt, maxOutputTokens: number | undefined): number {
  return expectedUsage(inputTokensOf(prompt), maxOutputTokens).totalTokens;
}

/** Of a call that was not sent yet. */
export function expectedUsage(inputTokens: number, outputTokens = ASSUMED_OUTPUT_TOKENS): LlmUsage {
  return { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens, estimated: true };
}

export function inputTokensOf(prompt: ModelPrompt): number {
  return tokensOf(charactersOf(prompt));
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

  constructor(
    private readonly tokensPerMinute: number = Infinity,
    private readonly clock: Clock,
  ) {
    if (tokensPerMinute !== Infinity) this.bucket = new TokenBucket(tokensPerMinute, MINUTE_MS, clock.now());
  }

  /** Milliseconds until there is room for one more request, 0 when there is now. More than a full bucket fits when it is full. */
  waitMs(estimatedTokens: number): number {
    return this.bucket?.waitMs(Math.min(estimatedTokens, this.tokensPerMinute), this.clock.now()) ?? 0;
  }

  /** What may be sent now; `undefined` without a limit. */
  get available(): number | undefined {
    const left = this.bucket?.available(this.clock.now());
    return left && Math.floor(left);
  }

  /** Books one request, and may go into debt: what was used is used. The returned function corrects the estimate. */
  take(estimatedTokens: number): (usedTokens: number) => void {
    this.bucket?.takeAhead(estimatedTokens, this.clock.now());
    return (usedTokens) => this.bucket?.takeAhead(usedTokens - estimatedTokens, this.clock.now());
  }
}
