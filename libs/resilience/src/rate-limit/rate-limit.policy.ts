import { atOnce } from '../engine/at-once.js';
import { classifyError } from '../engine/classifier/classify-error.js';
import { describeValue } from '../engine/errors.js';
import type { Execution } from '../engine/execution.js';
import { compileMatcher } from '../engine/matcher.js';
import type { PolicyContext } from '../engine/policy-context.js';
import type { PermitStage } from '../engine/stages.js';
import { withoutStack } from '../engine/without-stack.js';
import { RateLimitError, type RateLimitRefusal } from './rate-limit.errors.js';
import type { RateLimitDrainedEvent, RateLimitRejectedEvent } from './rate-limit.events.js';
import type { ResolvedRateLimitOptions } from './rate-limit.options.js';
import type { TokenBucket } from './token-bucket.js';
import type { TokenBuckets } from './token-buckets.js';
import { PermitWait } from '../engine/permit-wait.js';

interface Refusal {
  readonly because: RateLimitRefusal;
  readonly cost: number;
  readonly retryAfterMs: number;
}

/** A place in line that a call may take. */
interface Turn {
  readonly bucket: TokenBucket;
  readonly cost: number;
  readonly dueAt: number;
}

/** A server that asks for more is asked again after that. */
const MAX_DRAIN_MS = 60_000;

const NO_WAIT = (): void => undefined;

/** How one policy draws from buckets that others may draw from too. A token is used up by an attempt, whatever comes of it. */
export class RateLimitPolicy implements PermitStage {
  readonly learn: PermitStage['learn'];
  readonly measures = false;

  constructor(
    private readonly options: ResolvedRateLimitOptions,
    private readonly buckets: TokenBuckets,
    private readonly context: PolicyContext,
  ) {
    const { drainOn } = options;
    if (drainOn === undefined) return;
    const drains = compileMatcher(drainOn, '@RateLimit > drainOn');
    this.learn = (execution, error, now) => {
      if (drains(error)) this.drain(execution, error, now);
    };
  }

  tryAcquire(args: readonly unknown[], now: number): boolean {
    return this.bucketOf(args, now).tryTake(this.costOf(args), now);
  }

  refund(args: readonly unknown[], now: number): void {
    this.buckets.giveBack(this.bucketOf(args, now), this.costOf(args));
  }

  acquire(execution: Execution, done: (refusal?: Error) => void): () => void {
    const now = this.context.clock.now();
    let bucket: TokenBucket;
    let cost: number;
    try {
      bucket = this.bucketOf(execution.args, now);
      cost = this.costOf(execution.args);
    } catch (error) {
      done(error as Error);
      return NO_WAIT;
    }
    if (bucket.tryTake(cost, now)) {
      done();
      return NO_WAIT;
    }
    const retryAfterMs = bucket.waitMs(cost, now);
    const because = this.refusalOf(execution, retryAfterMs);
    if (because !== undefined) {
      done(this.reject(execution, { because, cost, retryAfterMs }));
      return NO_WAIT;
    }
    if (execution.aborted) {
      done(execution.callerSignal?.reason as Error);
      return NO_WAIT;
    }
    return this.queue(execution, done, { bucket, cost, dueAt: now + retryAfterMs });
  }

  release(): void {
    // Time gives tokens back, not the end of an attempt.
  }

  private drain({ args, id, parts }: Execution, error: unknown, now: number): void {
    const { retryAfterMs = 0 } = classifyError(error, this.context.clock.epochNow());
    const forMs = Math.min(retryAfterMs, MAX_DRAIN_MS);
    this.bucketOf(args, now).drain(now, forMs);
    if (!this.context.events.listens('resilience.rate-limit.drained')) return;
    const payload = { policy: parts.name, executionId: id, rateLimit: this.buckets.name, forMs };
    this.context.events.emit('resilience.rate-limit.drained', payload satisfies RateLimitDrainedEvent);
  }

  private queue(execution: Execution, done: (refusal?: Error) => void, { bucket, cost, dueAt }: Turn): () => void {
    const line = this.buckets.lineAt(bucket);
    const wait = new PermitWait(execution, done, {
      onEnd: (held) => line.leave(place, held),
      onShutdown: () => {
        const retryAfterMs = Math.max(0, dueAt - this.context.clock.now());
        return this.reject(execution, { because: 'shutdown', cost, retryAfterMs });
      },
    });
    const place = line.join(cost, wait);
    if (place.ahead === undefined) line.serve();
    return () => wait.giveUp();
  }

  private bucketOf(args: readonly unknown[], now: number): TokenBucket {
    const { key } = this.options;
    return this.buckets.select(key === undefined ? undefined : String(atOnce(key(...args), '@RateLimit > key')), now);
  }

  private costOf(args: readonly unknown[]): number {
    if (this.options.cost === undefined) return 1;
    const cost: unknown = atOnce(this.options.cost(...args), '@RateLimit > cost');
    if (typeof cost === 'number' && cost >= 0) return cost;
    throw new TypeError(
      `Rate limit '${this.buckets.name}': cost answered ${describeValue(cost)}, expected a number of tokens >= 0`,
    );
  }

  private refusalOf({ canWait }: Execution, waitMs: number): RateLimitRefusal | undefined {
    if (waitMs === Infinity) return 'cost';
    if (waitMs > this.options.maxWait) return 'no_tokens';
    if (!canWait) return 'cannot_wait';
    return this.context.shutdown.stopping ? 'shutdown' : undefined;
  }

  private reject(execution: Execution, refusal: Refusal): RateLimitError {
    const { because, cost, retryAfterMs } = refusal;
    const { limit, interval } = this.buckets.options;
    const { name: policy } = execution.parts;
    if (because === 'shutdown') execution.cutShort = 'shutdown';
    this.buckets.countRejection(policy);
    const { events } = this.context;
    if (events.listens('resilience.rate-limit.rejected')) {
      const payload = { policy, executionId: execution.id, rateLimit: this.buckets.name, ...refusal };
      events.emit('resilience.rate-limit.rejected', payload satisfies RateLimitRejectedEvent);
    }
    return withoutStack(() => new RateLimitError(policy, limit, interval, retryAfterMs, because, cost));
  }
}
