import { type Clock, systemClock } from '@nest-resilience/core';
import type { ExecutionRecord } from '../ledger/execution.js';
import type { UnfinishedExecution } from '../ledger/execution-store.js';
import type { LeaseNote } from '../ledger/executor-lease.js';

/** An execution that as many crashes were put down to is not taken up any more. */
export const MAX_CRASHES = 3;

/** All that were under suspicion for the first time are at work again after about this long, however many they are. */
const ROUND_MS = 10_000;
const SHORTEST_TRIAL_MS = 200;
const FIRST_TRIAL_MS = 2_000;
/** For those that were alone at a crash before. */
const SECOND_TRIAL_MS = 10_000;
const LONGEST_TRIAL_MS = 600_000;
/** What a crash that nobody could be blamed for does to the next trials: the culprit takes its time. */
const LONGER = 4;
const NOTE_AGAIN_MS = 1_000;
/** A submission waits no longer than this for them. */
const COURTESY_MS = 2_000;

export interface SuspectsWorld {
  readonly clock: Clock;
  launch(suspect: UnfinishedExecution): void;
  note(note: LeaseNote): Promise<void>;
  log(message: string): void;
  report(message: string, error: unknown): void;
  /** All others may go on. */
  over(): void;
}

/** What earlier processes left to know. */
export interface Precedent {
  /** The one that was let go on last, when it was not alone: it is the first now, and alone. */
  readonly suspect?: string;
  readonly unexplained: number;
}

interface Trial {
  readonly id: string;
  /** What else is at work: suspects that took longer than their time. */
  readonly beside: number;
  begun: boolean;
  /** It has a new checkpoint: nothing of it starts before all others had their turn. */
  acquitted: boolean;
  over(): void;
}

type Run = Pick<ExecutionRecord, 'id' | 'parentId'>;

/**
 * Executions that were at work when a process died. One of them may have been the cause, so each gets to its next checkpoint, or
 * through a while, before the next one starts: if the process dies again, then of the one that was alone, and no other is blamed.
 */
export class Suspects {
  private waiting: UnfinishedExecution[] = [];
  private trial: Trial | undefined;
  /** Executions by the one whose fallbacks they are. */
  private readonly roots = new Map<string, string>();
  /** Without a checkpoint since the crash. */
  private readonly open = new Set<string>();
  private unexplained = 0;
  private atWork = 0;
  private free: (() => void)[] = [];
  private readonly quiet = new Set<() => void>();
  private running = false;
  private stopped = false;
  /** While they have their turns, and before it is known whether there are any. */
  busy = false;

  constructor(private readonly world: SuspectsWorld) {}

  has(id: string): boolean {
    return this.trial?.id === id || this.waiting.some((suspect) => suspect.id === id);
  }

  /** That wait for their turn. */
  get size(): number {
    return this.waiting.length + (this.trial && !this.trial.begun ? 1 : 0);
  }

  /** Names of their workflows. */
  *workflows(): Generator<string> {
    for (const { workflow } of this.waiting) yield workflow;
  }

  /** Nothing begins until {@link tryAll}. */
  expect(): void {
    this.busy = true;
  }

  /** Lets them go on, one after the other, and then everything else. */
  tryAll(suspects: readonly UnfinishedExecution[], precedent: Precedent = { unexplained: 0 }): void {
    for (const { id } of suspects) this.open.add(id);
    this.unexplained = Math.max(this.unexplained, precedent.unexplained);
    // Somebody who kills the process from outside, soon after each start, hits whoever is first: not always the same one.
    const order = ({ id, crashes = 0 }: UnfinishedExecution) =>
      id === precedent.suspect || crashes >= MAX_CRASHES ? 0 : crashes;
    this.waiting = [...this.waiting, ...suspects].sort((a, b) => order(a) - order(b));
    if (this.running || this.stopped) return;
    if (this.waiting.length === 0) return this.end();
    this.busy = this.running = true;
    void this.run();
  }

  /** Before something of an execution starts; resolves when it may. Every call is followed by one of {@link left}. */
  enter(run: Run): Promise<void> | undefined {
    if (!this.busy || this.mayGo(run)) {
      this.atWork++;
      return undefined;
    }
    return new Promise<void>((resolve) => this.free.push(resolve)).then(() => this.enter(run));
  }

  /**
   * Resolves when all had their turns, or after 2 s. What is submitted meanwhile waits behind them anyway, and storing one after the other
   * takes from them the loop and the disk, until somebody kills the process and the one in turn is blamed.
   */
  async courtesy(): Promise<void> {
    if (!this.running) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.quiet.delete(done);
        timer.cancel();
        resolve();
      };
      // Not a clock that a test has stopped: an application may submit while it starts.
      const timer = systemClock.setTimer(done, COURTESY_MS);
      this.quiet.add(done);
    });
  }

  left(): void {
    this.atWork--;
    if (this.trial?.acquitted && this.atWork <= this.trial.beside) this.trial.over();
  }

  /** The execution has a checkpoint that it did not have before. */
  progressed(run: Run): void {
    if (this.open.size === 0) return;
    const id = this.rootOf(run);
    if (this.open.delete(id) && this.open.size === 0) this.unexplained = 0;
    if (this.trial?.id === id) this.trial.acquitted = true;
  }

  /** The execution is not at work any more. */
  ended(id: string): void {
    this.progressed({ id });
    this.roots.delete(id);
    if (this.trial?.id === id) this.trial.over();
  }

  /** Nobody gets a turn any more. */
  clear(): void {
    this.waiting = [];
    this.open.clear();
    this.trial?.over();
  }

  stop(): void {
    this.stopped = true;
    this.busy = false;
    this.clear();
    this.release();
  }

  private mayGo(run: Run): boolean {
    return this.trial !== undefined && !this.trial.acquitted && this.rootOf(run) === this.trial.id;
  }

  private rootOf({ id, parentId }: Run): string {
    if (parentId === undefined) return id;
    const root = this.roots.get(parentId) ?? parentId;
    if (this.busy) this.roots.set(id, root);
    return root;
  }

  private async run(): Promise<void> {
    while (this.waiting.length > 0 && !this.stopped) {
      const count = this.waiting.length;
      for (let next; (next = this.waiting.shift());) await this.tryOne(next, count);
      this.trial = undefined;
      // Before anything else begins: what happens from now on is nobody's in particular.
      await this.note({ unexplained: this.unexplained });
    }
    this.running = false;
    this.end();
  }

  /** Resolves when the next one may have its turn. */
  private async tryOne(suspect: UnfinishedExecution, count: number): Promise<void> {
    const { id, workflow, crashes = 0 } = suspect;
    if (crashes >= MAX_CRASHES) return this.world.launch(suspect);
    const trial: Trial = { id, beside: this.atWork, begun: false, acquitted: false, over: () => undefined };
    this.trial = trial;
    await this.note({ suspect: id, alone: trial.beside === 0, unexplained: this.unexplained });
    // Cleared meanwhile: somebody else runs them now.
    if (this.stopped || !this.open.has(id)) return;
    this.world.log(
      `Execution ${id} of '${workflow}' goes on by itself: it was at work when a process died ` +
        `(crash ${crashes} of ${MAX_CRASHES} since its last checkpoint)`,
    );
    await new Promise<void>((resolve) => {
      const timer = this.world.clock.setTimer(resolve, this.trialMs(crashes, count));
      timer.unref();
      trial.over = () => {
        timer.cancel();
        resolve();
      };
      trial.begun = true;
      this.world.launch(suspect);
    });
  }

  private end(): void {
    this.busy = false;
    this.trial = undefined;
    this.roots.clear();
    this.release();
    this.world.over();
  }

  /** All ask again. */
  private release(): void {
    for (const resolve of this.free.splice(0)) resolve();
    for (const done of this.quiet) done();
  }

  private trialMs(crashes: number, count: number): number {
    const first = Math.min(Math.max(ROUND_MS / count, SHORTEST_TRIAL_MS), FIRST_TRIAL_MS);
    return Math.min((crashes > 1 ? SECOND_TRIAL_MS : first) * LONGER ** this.unexplained, LONGEST_TRIAL_MS);
  }

  /** Nobody starts before it is noted: another one would be blamed. */
  private async note(note: LeaseNote): Promise<void> {
    for (let failed = false; !this.stopped; failed = true) {
      try {
        return await this.world.note(note);
      } catch (error) {
        if (!failed) this.world.report('What was running when a process died waits: the ledger fails', error);
      }
      await new Promise<void>((resolve) => this.world.clock.setTimer(resolve, NOTE_AGAIN_MS).unref());
    }
  }
}
