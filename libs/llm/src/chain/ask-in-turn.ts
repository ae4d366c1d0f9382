import type { Clock } from '@nest-resilience/core';
import type { CallTargets, Turn } from './call-targets.js';
import type { ResolvedHedge } from './hedge.options.js';
import { Race } from './race.js';

export interface Asking<A> {
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
  readonly hedge: ResolvedHedge | undefined;
  /** Asks one target for the whole of what is wanted. */
  readonly ask: (turn: Turn, signal: AbortSignal | undefined) => Promise<A>;
  /** Leaves a target out. */
  readonly skips?: (turn: Turn) => boolean;
  /** Another target joins one that is slow. */
  readonly joins: (turn: Turn, beside: Turn) => void;
  /** Another one was first. Called before its signal aborts. */
  readonly lost: (turn: Turn) => void;
  /** It was lost, and has answered all the same. */
  readonly discard?: (answer: A) => void;
}

export interface AnsweredTurn<A> {
  readonly turn: Turn;
  readonly answer: A;
}

/** Asks one target after the other until one answers. @throws what ends the call */
export async function askInTurn<A>(targets: CallTargets, asking: Asking<A>): Promise<AnsweredTurn<A>> {
  if (asking.hedge !== undefined) return new Race(targets, asking, asking.hedge.delay).run();
  const { signal, ask, skips } = asking;
  for (;;) {
    const turn = await targets.turn(signal);
    if (skips?.(turn) === true) continue;
    try {
      return { turn, answer: await ask(turn, signal) };
    } catch (error) {
      targets.failed(turn, error, signal);
    }
  }
}
