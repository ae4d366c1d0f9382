import type { Clock } from '@nest-resilience/core';
import type { LlmTry } from '../llm.result.js';

/** Weight of the newest measure in an average: the last ten or so tell. */
const NEWEST = 0.2;

/** After so long a measure tells nothing any more, and the target is measured anew. */
const STALE_MS = 300_000;

interface Average {
  readonly ms: number;
  readonly at: number;
}

/** How busy a target is, and how fast it was lately. */
export class TargetLoad {
  /** Calls that are at it, or about to be. */
  calls = 0;
  private readonly averages: { answer?: Average; firstToken?: Average } = {};

  constructor(private readonly clock: Clock) {}

  /** Only what it served tells how fast it is, and what it let wait in vain. */
  tried({ outcome, reason, stream, durationMs, firstTokenMs }: LlmTry): void {
    if (outcome !== 'ok' && outcome !== 'invalid' && reason !== 'timeout') return;
    if (stream !== true) this.note('answer', durationMs);
    else if (firstTokenMs !== undefined || reason === 'timeout') this.note('firstToken', firstTokenMs ?? durationMs);
  }

  /** Milliseconds to the first token of a stream, or to a whole answer; of the other kind where this one was not measured. */
  averageMs(stream: boolean): number | undefined {
    const { answer, firstToken } = this.averages;
    const known = stream ? [firstToken, answer] : [answer, firstToken];
    return known.find((one) => one !== undefined && this.clock.now() - one.at < STALE_MS)?.ms;
  }

  private note(what: 'answer' | 'firstToken', ms: number): void {
    const at = this.clock.now();
    const before = this.averages[what];
    const isFresh = before !== undefined && at - before.at < STALE_MS;
    this.averages[what] = { ms: isFresh ? before.ms + NEWEST * (ms - before.ms) : ms, at };
  }
}
