import { type Observable, Subject, type Subscriber, takeUntil } from 'rxjs';

import { bindContext } from '../engine/async-context.js';
import type { TimerHandle } from '../engine/clock.js';
import type { Execution } from '../engine/execution.js';
import type { HedgeStage } from '../engine/stages.js';

/** Emits to send its attempt away; unlike a subscription it exists before the attempt can answer. */
type Leave = Subject<void>;

/** The attempts of one race: the first item, or an end without any, wins. */
export class HedgeRace<T> {
  private readonly running = new Set<Leave>();
  private readonly beganAt: number;
  private winner: Leave | undefined;
  private timer: TimerHandle | undefined;
  private hedges = 0;
  private firstNumber = 0;

  constructor(
    private readonly stage: HedgeStage,
    private readonly execution: Execution,
    private readonly source: Observable<T>,
    private readonly subscriber: Subscriber<T>,
  ) {
    this.beganAt = this.clock.now();
  }

  start(): void {
    this.join(0);
    this.firstNumber = this.execution.attempts;
    this.arm();
  }

  /** Sends away whoever still runs. */
  end(): void {
    this.timer?.cancel();
    this.sendAway();
  }

  private get clock() {
    return this.execution.parts.context.clock;
  }

  /** @param hedge 0 for the attempt that the others join */
  private join(hedge: number): void {
    const leave: Leave = new Subject();
    this.running.add(leave);
    this.source.pipe(takeUntil(leave)).subscribe({
      next: (value) => {
        this.answered(leave, hedge);
        this.subscriber.next(value);
      },
      error: (error) => {
        this.running.delete(leave);
        // One that fails beside others is dropped: they may still answer.
        if (this.running.size === 0) this.subscriber.error(error);
      },
      complete: () => {
        if (!this.running.has(leave)) return;
        this.answered(leave, hedge);
        this.subscriber.complete();
      },
    });
  }

  private arm(): void {
    if (this.subscriber.closed || this.winner !== undefined || this.hedges >= this.stage.maxHedges) return;
    const delayMs = this.stage.delayMs();
    // The clock may be shared; what it starts belongs to this caller.
    if (delayMs !== Infinity) this.timer = this.clock.setTimer(bindContext(() => this.hedge()), delayMs); // prettier-ignore
  }

  private hedge(): void {
    const { emitted, aborted, bypassed, parts } = this.execution;
    if (emitted || aborted || bypassed || parts.context.shutdown.stopping) return;
    const hedge = ++this.hedges;
    this.stage.started(this.execution, hedge);
    this.join(hedge);
    this.arm();
  }

  private answered(leave: Leave, hedge: number): void {
    if (this.winner !== undefined) return;
    this.winner = leave;
    this.timer?.cancel();
    this.sendAway(leave);
    // Since the first attempt began, not this one: measured by the short runs of hedges that won, the percentile of what is
    // slow would sink, so that more is hedged, so that it sinks further.
    this.stage.measured(this.clock.now() - this.beganAt);
    if (hedge > 0) this.stage.won(this.execution, this.firstNumber + hedge);
  }

  private sendAway(except?: Leave): void {
    for (const leave of this.running) {
      if (leave === except) continue;
      this.running.delete(leave);
      leave.next();
    }
  }
}
