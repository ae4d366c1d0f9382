import type { FailureReason } from '@nest-resilience/core';
import { classifyError } from '@nest-resilience/core';
import type { LlmTargetFailure } from '../llm.errors.js';
import { LlmRateLimitError, LlmUnavailableError } from '../llm.errors.js';
import type { CallRecord } from './call-record.js';
import type { LlmTarget } from './llm-target.js';
import { fallsThrough, reasonOf } from './reason.js';

/** A target that may be asked now, with its place in the chain. */
export interface Turn {
  readonly target: LlmTarget;
  readonly fallbackLevel: number;
}

export type FellBack = (from: LlmTarget, turn: Turn, reason: FailureReason, error: unknown) => void;

/**
 * Goes along the chain of one call: hands out one target after the other, leaves out those without room, and decides after
 * each failure whether the call may go on.
 */
export class CallTargets {
  private next = 0;
  /** Only larger ones are of use after a text was too long. */
  private largerThan = 0;
  private readonly failures: LlmTargetFailure[] = [];
  private last: { readonly target: LlmTarget; readonly reason: FailureReason; readonly error: unknown } | undefined;

  constructor(
    private readonly chain: readonly LlmTarget[],
    private readonly estimatedTokens: number,
    private readonly record: CallRecord,
    private readonly fellBack: FellBack,
  ) {}

  /** The next target to ask. @throws LlmUnavailableError when there is none left */
  turn(): Turn {
    for (; this.next < this.chain.length; this.next++) {
      const target = this.chain[this.next];
      if (target === undefined || !this.isLarger(target) || !this.hasRoom(target)) continue;
      const turn = { target, fallbackLevel: this.next++ };
      if (this.last !== undefined) this.fellBack(this.last.target, turn, this.last.reason, this.last.error);
      return turn;
    }
    throw new LlmUnavailableError(this.failures, this.record.tries, this.shortestWait());
  }

  /** Notes why a target could not serve. Throws the error itself when asking elsewhere would not help. */
  failed({ target }: Turn, error: unknown, signal: AbortSignal | undefined): void {
    const reason = reasonOf(error);
    if (signal?.aborted === true || !fallsThrough(reason)) throw error;
    if (reason === 'context_length') {
      this.largerThan = Math.max(this.largerThan, target.options.contextWindow ?? Infinity);
      if (!this.chain.slice(this.next).some((later) => this.isLarger(later))) throw error;
    }
    this.note(target, reason, error);
  }

  private isLarger(target: LlmTarget): boolean {
    return this.largerThan === 0 || (target.options.contextWindow ?? 0) > this.largerThan;
  }

  private hasRoom(target: LlmTarget): boolean {
    const waitMs = target.limits.waitMs(this.estimatedTokens);
    if (waitMs <= 0) return true;
    const { name, model } = target.options;
    const error = new LlmRateLimitError(name, model, waitMs);
    this.record.notSent(target, this.next, 'skipped', 'rate_limit', error.message);
    this.note(target, 'rate_limit', error);
    return false;
  }

  private note(target: LlmTarget, reason: FailureReason, error: unknown): void {
    this.failures.push({ provider: target.options.name, model: target.options.model, reason, error });
    this.last = { target, reason, error };
  }

  private shortestWait(): number | undefined {
    const waits = this.failures
      .map(({ error }) => classifyError(error).retryAfterMs)
      .filter((wait) => wait !== undefined);
    return waits.length === 0 ? undefined : Math.min(...waits);
  }
}
