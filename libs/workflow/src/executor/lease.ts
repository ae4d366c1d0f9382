import type { Clock } from '@nest-resilience/core';
import { repeatAfterEach } from '@nest-resilience/core/kit';
import type { ExecutorLease, LeaseHolder, LeaseNote, LeaseSeen, LeaseTaken } from '../ledger/executor-lease.js';
import { ExecutorElsewhereError } from '../workflow.errors.js';
import { hasEnded } from './process-life.js';

/** After this long without a renewal another process may take over. */
const LEASE_MS = 10_000;
const RENEWAL_MS = 3_000;
/** How often a process that has no lease looks whether there is one to be had. */
const LOOK_MS = 2_000;
/** From then on the holder makes sure before it goes on: it may have been stopped, and its lease somebody else's. */
const DOUBT_MS = 0.8 * LEASE_MS;
/** A lease that is over by the clock must also go without renewal for this long: clocks are put forward. */
const SILENCE_MS = 4_000;

export interface LeaseWorld {
  readonly ledger: ExecutorLease;
  readonly clock: Clock;
  readonly me: LeaseHolder;
  /** Several processes hold it together, under one name: none of them gives it back. */
  readonly together?: boolean;
  /** This process may run executions from now on. */
  taken(lease: LeaseTaken): void;
  /** Another process has it: nothing may be done for executions any more. */
  lost(): void;
  /** With every renewal. */
  renewed(): void;
  log(message: string): void;
  report(message: string, error: unknown): void;
}

/** Keeps the right to run the executions of a ledger, or waits for it. */
export class Lease {
  /** Since when it is known to be ours, by both clocks: one stands still while the machine sleeps, the other can be set. */
  private sure: { readonly now: number; readonly epochNow: number } | undefined;
  private other: { readonly seen: LeaseSeen; readonly at: number } | undefined;
  private renewing: Promise<boolean> | undefined;
  private looking: Promise<void> | undefined;
  private stopBeating: (() => void) | undefined;
  private watcher: (elsewhere: boolean) => void = () => undefined;
  private closed = false;
  private failing = false;

  constructor(private readonly world: LeaseWorld) {}

  /** Takes it, if it is to be had, and goes on trying if not. @throws what the ledger throws */
  async open(): Promise<void> {
    await this.look();
    if (this.closed) return;
    const pauseMs = () => (this.sure ? RENEWAL_MS : LOOK_MS);
    this.stopBeating = repeatAfterEach(this.world.clock, pauseMs, () => this.beat());
  }

  /** Calls back when another process has it, and when this one has it again. Before {@link open}. */
  watch(watcher: (elsewhere: boolean) => void): void {
    this.watcher = watcher;
  }

  get held(): boolean {
    return this.sure !== undefined;
  }

  /** Why this process may not run executions, if it may not. */
  get refusal(): ExecutorElsewhereError | undefined {
    if (this.sure || !this.other) return undefined;
    const { holder, since, leftMs } = this.other.seen;
    return new ExecutorElsewhereError(holder, since, Math.min(Math.max(leftMs, LOOK_MS), LEASE_MS));
  }

  /** True while the lease is certainly ours; else a promise of whether it is. Rejects when the ledger does not answer. */
  certain(): true | Promise<boolean> {
    const { sure } = this;
    if (!sure) return Promise.resolve(false);
    const { now, epochNow } = this.read();
    const isFresh = now - sure.now < DOUBT_MS && Math.abs(epochNow - sure.epochNow) < DOUBT_MS;
    return isFresh ? true : this.renew();
  }

  /** @throws ExecutorElsewhereError, and what the ledger throws */
  async require(): Promise<void> {
    const certain = this.certain();
    if (certain === true || (await certain)) return;
    if (!this.other) await this.look();
    if (this.refusal) throw this.refusal;
  }

  note(note: LeaseNote): Promise<void> {
    return this.world.ledger.note(this.world.me.owner, note);
  }

  /** Looks for nothing and renews nothing any more; gives it back. */
  async close(): Promise<void> {
    this.closed = true;
    this.stopBeating?.();
    if (!this.sure) return;
    this.sure = undefined;
    if (!this.world.together) await this.world.ledger.release(this.world.me.owner);
  }

  private async beat(): Promise<void> {
    try {
      if (!this.sure) await this.look();
      else if (await this.renew()) this.world.renewed();
      this.failing = false;
    } catch (error) {
      if (!this.failing && !this.closed)
        this.world.report('The lease by which one process at a time runs executions cannot be renewed', error);
      this.failing = true;
    }
  }

  private renew(): Promise<boolean> {
    this.renewing ??= this.renewOnce().finally(() => (this.renewing = undefined));
    return this.renewing;
  }

  private async renewOnce(): Promise<boolean> {
    const { ledger, me } = this.world;
    const at = this.read();
    const ours = await ledger.renew(me.owner, LEASE_MS);
    if (!this.sure) return false;
    if (ours) this.sure = at;
    else this.lose();
    return ours;
  }

  private lose(): void {
    this.sure = undefined;
    this.other = undefined;
    this.world.log('Another process runs the executions of this ledger now: what was at work here is left to it');
    this.world.lost();
  }

  /** The lease as it is, taken if it can be had. */
  private look(): Promise<void> {
    this.looking ??= this.lookOnce().finally(() => (this.looking = undefined));
    return this.looking;
  }

  private async lookOnce(): Promise<void> {
    const { ledger, me } = this.world;
    const at = this.read();
    const over = this.other && this.isOver(this.other, at.now) ? this.other.seen : undefined;
    const found = await ledger.take(me, LEASE_MS, over);
    if (this.closed) return found.held ? ledger.release(me.owner) : undefined;
    if (found.held) {
      if (this.other) this.world.log('Executions run in this process from here on');
      this.sure = at;
      this.other = undefined;
      this.watcher(false);
      return this.world.taken(found);
    }
    const isFirst = !this.other && !hasEnded(found.holder);
    const isNew = found.beat !== this.other?.seen.beat || found.holder.owner !== this.other.seen.holder.owner;
    this.other = { seen: found, at: isNew ? at.now : this.other!.at };
    // No need to wait for the end of a lease whose holder is gone.
    if (isFirst) {
      this.world.log(this.refusal!.message);
      this.watcher(true);
    }
    if (isNew && hasEnded(found.holder)) await this.lookOnce();
  }

  private isOver({ seen, at }: NonNullable<Lease['other']>, now: number): boolean {
    if (hasEnded(seen.holder)) return true;
    // One that ends later than it could was made before the clock was put back.
    return (seen.leftMs <= 0 || seen.leftMs > LEASE_MS) && now - at >= SILENCE_MS;
  }

  private read() {
    const { clock } = this.world;
    return { now: clock.now(), epochNow: clock.epochNow() };
  }
}
