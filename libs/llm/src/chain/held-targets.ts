import { parseDuration } from '@nest-resilience/core';
import { DEFAULT_LLM_OPTIONS } from '../llm.options.js';
import type { Turn } from './call-targets.js';
import type { LlmTarget } from './llm-target.js';

interface Held {
  readonly turn: Turn;
  /** By the monotonic clock, where only a limit that is kept elsewhere knows. */
  readonly notBefore: number;
}

/** Targets of one call that may be asked, but not yet: they asked to be left alone, or a limit of our own has no room. */
export class HeldTargets {
  private readonly held = new Map<LlmTarget, Held>();
  /** Milliseconds waited so far, for hints and for limits of our own. */
  private readonly waited = { hint: 0, limit: 0 };

  constructor(
    private readonly estimatedTokens: number,
    private readonly elapsedMs: () => number,
  ) {}

  /** Whether a limit of our own is what keeps one back. */
  get hasOwnLimit(): boolean {
    return [...this.held.keys()].some(({ cooldown }) => !cooldown.isPassing);
  }

  add(turn: Turn, waitMs = 0): void {
    this.held.set(turn.target, { turn, notBefore: turn.target.clock.now() + waitMs });
  }

  /**
   * Waits for the one whose time comes first, as long as the call has time for it.
   * @returns undefined when nobody is worth waiting for
   * @throws the signal's reason when it aborts meanwhile
   */
  async wait(signal: AbortSignal | undefined): Promise<Turn | undefined> {
    for (let first = this.first(); first !== undefined; first = this.first()) {
      const { turn, waitMs, kind } = first;
      const { cooldown, clock, stop } = turn.target;
      if (waitMs <= 0) {
        this.held.delete(turn.target);
        return turn;
      }
      if (stop?.aborted === true) return undefined;
      const from = clock.now();
      await cooldown.wait(waitMs, signal, stop);
      this.waited[kind] += clock.now() - from;
    }
    return undefined;
  }

  private first() {
    const all = [...this.held.values()].map(({ turn, notBefore }) => {
      const { cooldown, tokens, clock } = turn.target;
      const limitMs = Math.max(tokens.waitMs(this.estimatedTokens), notBefore - clock.now());
      const hintMs = cooldown.isPassing ? cooldown.remainingMs : 0;
      return {
        turn,
        kind: hintMs > limitMs ? ('hint' as const) : ('limit' as const),
        waitMs: Math.max(hintMs, limitMs),
      };
    });
    const inTime = all.filter(({ turn, kind, waitMs }) => waitMs <= this.timeFor(turn.target, kind));
    return inTime.sort((a, b) => a.waitMs - b.waitMs)[0];
  }

  /** A call with a limit on all its time waits within it; else for no hint that a retry would not wait for, and for our own limits as they say. */
  private timeFor({ options, tokens }: LlmTarget, kind: 'hint' | 'limit'): number {
    const { timeouts, retry } = options;
    const left = (timeouts.total ?? Infinity) - this.elapsedMs();
    if (kind === 'limit') return Math.min(left, tokens.maxWaitMs - this.waited.limit);
    if (timeouts.total !== undefined) return left;
    const cap = (retry || DEFAULT_LLM_OPTIONS.retry).retryAfterCap;
    return (parseDuration(cap) ?? 0) - this.waited.hint;
  }
}
