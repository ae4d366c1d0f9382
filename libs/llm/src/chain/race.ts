import { onAbort } from '@nest-resilience/core';
import type { AnsweredTurn, Asking } from './ask-in-turn.js';
import type { CallTargets, Turn } from './call-targets.js';

/** A target at work for the call. */
interface Lane<A> {
  readonly turn: Turn;
  readonly startedAt: number;
  /** Ends its requests. */
  readonly leave: (reason: Error) => void;
  /** Never rejects. */
  readonly ended: Promise<Ended<A>>;
}

type Ended<A> = { readonly lane: Turn; readonly answer: A } | { readonly lane: Turn; readonly error: unknown };

/**
 * Asks targets in turn, and the next one beside a target that has not answered in time: two at work at most. The first good answer
 * counts; who has not answered by then is let go, and what it was expected to cost stays booked.
 */
export class Race<A> {
  private readonly lanes = new Map<Turn, Lane<A>>();
  private isLast = false;

  constructor(
    private readonly targets: CallTargets,
    private readonly asking: Asking<A>,
    private readonly delayMs: number,
  ) {}

  async run(): Promise<AnsweredTurn<A>> {
    const { signal } = this.asking;
    try {
      for (;;) {
        if (this.lanes.size === 0) this.start(await this.targets.turn(signal));
        const ended = await this.next();
        if (ended === undefined) {
          await this.join();
          continue;
        }
        this.lanes.delete(ended.lane);
        if ('answer' in ended) return { turn: ended.lane, answer: ended.answer };
        this.targets.failed(ended.lane, ended.error, signal);
      }
    } finally {
      for (const lane of this.lanes.values()) this.letGo(lane);
    }
  }

  private start(turn: Turn): void {
    const { clock, signal, ask } = this.asking;
    const controller = new AbortController();
    if (signal?.aborted) controller.abort(signal.reason);
    const unfollow = signal && onAbort(signal, () => controller.abort(signal.reason));
    const ended = ask(turn, controller.signal).then(
      (answer) => ({ lane: turn, answer }),
      (error: unknown) => ({ lane: turn, error }),
    );
    const leave = (reason: Error) => {
      unfollow?.();
      controller.abort(reason);
    };
    this.lanes.set(turn, { turn, startedAt: clock.now(), leave, ended });
  }

  /** Whoever comes to an end first; `undefined` when another one is to join before. */
  private next(): Promise<Ended<A> | undefined> {
    const lanes = [...this.lanes.values()];
    const [only] = lanes;
    const ends = lanes.map(({ ended }) => ended);
    if (lanes.length > 1 || this.isLast || only === undefined) return Promise.race(ends);
    const { clock } = this.asking;
    return new Promise((resolve) => {
      const leftMs = Math.max(0, only.startedAt + this.delayMs - clock.now());
      const timer = clock.setTimer(() => resolve(undefined), leftMs);
      void only.ended.then((ended) => {
        timer.cancel();
        resolve(ended);
      });
    });
  }

  private async join(): Promise<void> {
    const [slow] = this.lanes.keys();
    const turn = await this.targets.beside();
    this.isLast = turn === undefined;
    if (turn === undefined || slow === undefined) return;
    this.asking.joins(turn, slow);
    this.start(turn);
  }

  private letGo({ turn, leave, ended }: Lane<A>): void {
    const { lost, discard, signal } = this.asking;
    if (signal?.aborted !== true) lost(turn);
    leave(new DOMException('Another target was first', 'AbortError'));
    void ended.then((one) => 'answer' in one && discard?.(one.answer));
  }
}
