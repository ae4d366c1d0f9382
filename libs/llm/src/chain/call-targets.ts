import type { FailureReason } from '@nest-resilience/core';
import { classifyError } from '@nest-resilience/core';
import type { LlmTargetFailure } from '../llm.errors.js';
import { LlmRateLimitError, LlmUnavailableError } from '../llm.errors.js';
import type { CallRecord } from './call-record.js';
import { isOwnLimit, type LlmTarget } from './llm-target.js';
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
  private readonly queue: Turn[];
  /** Only larger ones are of use after a text was too long. */
  private largerThan = 0;
  private readonly failures = new Map<LlmTarget, LlmTargetFailure>();
  private last: { readonly target: LlmTarget; readonly reason: FailureReason; readonly error: unknown } | undefined;

  constructor(
    chain: readonly LlmTarget[],
    private readonly estimatedTokens: number,
    private readonly record: CallRecord,
    private readonly fellBack: FellBack,
  ) {
    this.queue = this.coolingLast(chain.map((target, fallbackLevel) => ({ target, fallbackLevel })));
  }

  /** The next target to ask. @throws LlmUnavailableError when there is none left */
  turn(): Turn {
    for (let turn = this.queue.shift(); turn !== undefined; turn = this.queue.shift()) {
      if (!this.isLarger(turn) || !this.hasRoom(turn)) continue;
      if (this.last !== undefined) this.fellBack(this.last.target, turn, this.last.reason, this.last.error);
      return turn;
    }
    throw new LlmUnavailableError([...this.failures.values()], this.record.tries, this.shortestWait());
  }

  /** Notes why a target could not serve. Throws the error itself when asking elsewhere would not help. */
  failed({ target }: Turn, error: unknown, signal: AbortSignal | undefined): void {
    const reason = reasonOf(error);
    if (signal?.aborted === true || !fallsThrough(reason)) throw error;
    if (reason === 'context_length') {
      this.largerThan = Math.max(this.largerThan, target.options.contextWindow ?? Infinity);
      if (!this.queue.some((later) => windowOf(later) > this.largerThan)) throw error;
    }
    if (reason !== 'circuit_open' && !isOwnLimit(error)) target.cooldown.failed(error);
    this.note(target, reason, error);
  }

  /** Targets that asked to be left alone go behind those that did not; only text processing comes after them. */
  private coolingLast(turns: readonly Turn[]): Turn[] {
    const isFree = ({ target }: Turn) => target.cooldown.remainingMs === 0;
    const end = turns.findLastIndex((turn) => isFree(turn) && turn.target.provider.kind !== 'offline') + 1;
    const overtaken = turns.slice(0, end).filter((turn) => !isFree(turn));
    for (const turn of overtaken) {
      const { name, model } = turn.target.options;
      this.skip(turn, new LlmRateLimitError(name, model, turn.target.cooldown.remainingMs, 'cooldown'));
    }
    return [...turns.slice(0, end).filter(isFree), ...overtaken, ...turns.slice(end)];
  }

  private isLarger(turn: Turn): boolean {
    if (this.largerThan === 0 || windowOf(turn) > this.largerThan) return true;
    const { contextWindow } = turn.target.options;
    const size = contextWindow === undefined ? 'not known' : `${contextWindow} tokens`;
    const message = `the text was too long elsewhere, and this context window is no larger (${size})`;
    this.record.notSent(turn.target, turn.fallbackLevel, 'skipped', 'context_length', message);
    return false;
  }

  private hasRoom(turn: Turn): boolean {
    const { tokens, options } = turn.target;
    const waitMs = tokens.waitMs(this.estimatedTokens);
    if (waitMs <= 0) return true;
    this.skip(turn, new LlmRateLimitError(options.name, options.model, waitMs));
    return false;
  }

  private skip({ target, fallbackLevel }: Turn, error: LlmRateLimitError): void {
    this.record.notSent(target, fallbackLevel, 'skipped', 'rate_limit', error.message);
    this.note(target, 'rate_limit', error);
  }

  private note(target: LlmTarget, reason: FailureReason, error: unknown): void {
    const { name: provider, model } = target.options;
    // A target that was left out at first and asked in the end counts once, with what it answered.
    this.failures.delete(target);
    this.failures.set(target, { provider, model, reason, error });
    this.last = { target, reason, error };
  }

  private shortestWait(): number | undefined {
    const waits = [...this.failures.values()]
      .map(({ error }) => classifyError(error).retryAfterMs)
      .filter((wait) => wait !== undefined);
    return waits.length === 0 ? undefined : Math.min(...waits);
  }
}

function windowOf({ target }: Turn): number {
  return target.options.contextWindow ?? 0;
}
