import { AdaptiveLimit } from './adaptive-limit.js';
import type { Execution } from '../engine/execution.js';
import type { PolicyContext } from '../engine/policy-context.js';
import type { PermitStage } from '../engine/stages.js';
import { withoutStack } from '../engine/without-stack.js';
import { BulkheadFullError, type BulkheadRefusal } from './bulkhead.errors.js';
import type { BulkheadRejectedEvent } from './bulkhead.events.js';
import type { ResolvedBulkheadOptions } from './bulkhead.options.js';
import { PermitWait } from '../engine/permit-wait.js';
import { WaitingLine } from '../engine/waiting-line.js';

/** A bulkhead at one moment. */
export interface BulkheadSnapshot {
  /** Attempts that hold a place. */
  readonly inUse: number;
  /** Attempts that wait for one. */
  readonly queued: number;
  readonly maxConcurrent: number;
  readonly maxQueue: number;
  /** Attempts refused so far, by the policy that was refused. */
  readonly rejected: Readonly<Record<string, number>>;
}

/** What can be read of a bulkhead. */
export interface BulkheadReading {
  readonly name: string;
  snapshot(): BulkheadSnapshot;
}

const NO_WAIT = (): void => undefined;

function adaptiveLimit({ adaptive, maxConcurrent }: ResolvedBulkheadOptions): AdaptiveLimit | undefined {
  return adaptive && new AdaptiveLimit(adaptive.min, adaptive.max, maxConcurrent);
}

/** The places of one name, shared by all policies that use it. A freed place goes to the longest waiting, never past the line. */
export class BulkheadPolicy implements PermitStage, BulkheadReading {
  readonly learn = undefined;
  private adaptive: AdaptiveLimit | undefined;
  private inUse = 0;
  private handingOut = false;
  private readonly line = new WaitingLine<PermitWait>();
  private readonly rejected = new Map<string, number>();

  constructor(
    readonly name: string,
    public options: ResolvedBulkheadOptions,
    private readonly context: PolicyContext,
  ) {
    this.adaptive = adaptiveLimit(options);
  }

  get measures(): boolean {
    return this.adaptive !== undefined;
  }

  private get limit(): number {
    return this.adaptive?.limit ?? this.options.maxConcurrent;
  }

  tryAcquire(): boolean {
    if (this.inUse >= this.limit || this.line.length > 0) return false;
    this.inUse++;
    return true;
  }

  refund(): void {
    this.release();
  }

  acquire(execution: Execution, done: (refusal?: Error) => void): () => void {
    if (this.tryAcquire()) {
      done();
      return NO_WAIT;
    }
    const because = this.refusalOf(execution);
    if (because !== undefined) {
      done(this.reject(execution, because));
      return NO_WAIT;
    }
    if (execution.aborted) {
      done(execution.callerSignal?.reason as Error);
      return NO_WAIT;
    }
    return this.queue(execution, done);
  }

  release(durationMs?: number): void {
    if (durationMs !== undefined) this.adaptive?.sample(durationMs, this.inUse);
    this.inUse--;
    this.handOut();
  }

  /** Places that are held stay held; new ones go to those who wait. */
  reconfigure(options: ResolvedBulkheadOptions): void {
    const { min, max } = this.adaptive ?? {};
    if (options.adaptive?.min !== min || options.adaptive?.max !== max) this.adaptive = adaptiveLimit(options);
    this.options = options;
    this.handOut();
  }

  snapshot(): BulkheadSnapshot {
    const rejected = Object.fromEntries(this.rejected);
    const { maxQueue } = this.options;
    return { inUse: this.inUse, queued: this.line.length, maxConcurrent: this.limit, maxQueue, rejected };
  }

  private queue(execution: Execution, done: (refusal?: Error) => void): () => void {
    const { maxWait } = this.options;
    const wait = new PermitWait(execution, done, {
      onEnd: () => {
        this.line.leave(place);
        timer?.cancel();
      },
      onShutdown: () => this.reject(execution, 'shutdown'),
    });
    const place = this.line.join(wait);
    const expire = (): void => wait.refuse(() => this.reject(execution, 'queue_timeout'));
    const timer = maxWait === undefined ? undefined : this.context.clock.setTimer(expire, maxWait);
    return () => wait.giveUp();
  }

  /** Whoever gets a place may end before this returns and free it again: a loop, or a long line would exhaust the stack. */
  private handOut(): void {
    if (this.handingOut) return;
    this.handingOut = true;
    try {
      for (let next = this.next(); next !== undefined; next = this.next()) {
        this.inUse++;
        next.admit();
      }
    } finally {
      this.handingOut = false;
      // Only when one call's turn threw: the others must not wait for ever.
      if (this.next() !== undefined) this.handOut();
    }
  }

  private next(): PermitWait | undefined {
    return this.inUse < this.limit ? this.line.first?.waiter : undefined;
  }

  private refusalOf({ canWait }: Execution): BulkheadRefusal | undefined {
    if (this.line.length >= this.options.maxQueue) return 'full';
    if (!canWait) return 'cannot_wait';
    return this.context.shutdown.stopping ? 'shutdown' : undefined;
  }

  private reject(execution: Execution, because: BulkheadRefusal): BulkheadFullError {
    const maxConcurrent = this.limit;
    const { maxQueue } = this.options;
    const { name: policy } = execution.parts;
    if (because === 'shutdown') execution.cutShort = 'shutdown';
    this.rejected.set(policy, (this.rejected.get(policy) ?? 0) + 1);
    const { events } = this.context;
    if (events.listens('resilience.bulkhead.rejected')) {
      const limits = { maxConcurrent, maxQueue };
      const payload = { policy, executionId: execution.id, bulkhead: this.name, because, ...limits };
      events.emit('resilience.bulkhead.rejected', payload satisfies BulkheadRejectedEvent);
    }
    return withoutStack(() => new BulkheadFullError(policy, maxConcurrent, maxQueue, because));
  }
}
