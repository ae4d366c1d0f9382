import type { Clock, TimerHandle } from './clock.js';

/** A call waits in a queue as a node of it: no wrapper object is made per call. */
export interface DeadlineNode {
  dueAt: number;
  earlier: DeadlineNode | undefined;
  later: DeadlineNode | undefined;
  onDeadline(): void;
  /** The process waits no longer. */
  onGivenUp(): void;
}

/**
 * All running calls that share one timeout. They fall due in the order they came, so one real timer (for the head) serves
 * any number of them, adding and removing is O(1), and memory follows the calls in flight: see bench/success-path.
 */
export class DeadlineQueue {
  private head: DeadlineNode | undefined;
  private tail: DeadlineNode | undefined;
  private timer: TimerHandle | undefined;

  constructor(
    private readonly clock: Clock,
    readonly durationMs: number,
  ) {}

  add(node: DeadlineNode, now: number): void {
    node.dueAt = now + this.durationMs;
    node.earlier = this.tail;
    if (this.tail !== undefined) {
      this.tail.later = node;
    } else {
      this.head = node;
      if (this.timer !== undefined) this.timer.ref();
      else if (this.durationMs !== Infinity) this.arm(this.durationMs);
    }
    this.tail = node;
  }

  remove(node: DeadlineNode): void {
    const { earlier, later } = node;
    if (earlier !== undefined) earlier.later = later;
    else if (this.head === node) this.head = later;
    else return;
    if (later !== undefined) later.earlier = earlier;
    else this.tail = earlier;
    node.earlier = node.later = undefined;
    // The timer is left running for the next call, but must not keep an idle process alive.
    if (this.head === undefined) this.timer?.unref();
  }

  /** Ends every call that waits here. */
  giveUp(): void {
    for (let node = this.head; node !== undefined; node = this.head) {
      this.remove(node);
      node.onGivenUp();
    }
  }

  /** Cancels the timer; calls still waiting are no longer timed. */
  dispose(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.head = this.tail = undefined;
  }

  private arm(delayMs: number): void {
    // Node fires up to a millisecond early by the monotonic clock; rounding up saves a second round.
    this.timer = this.clock.setTimer(this.fire, Math.max(1, Math.ceil(delayMs)));
  }

  private readonly fire = (): void => {
    this.timer = undefined;
    const now = this.clock.now();
    try {
      let node = this.head;
      while (node !== undefined && node.dueAt <= now) {
        this.remove(node);
        node.onDeadline();
        node = this.head;
      }
    } finally {
      // Also when one call's deadline threw: the others must not wait for ever.
      if (this.head !== undefined && this.timer === undefined) this.arm(this.head.dueAt - now);
    }
  };
}

/** One queue per duration, and one for calls without any; the number of durations is bounded by the number of configured policies. */
export class Deadlines {
  /** Calls without a limit of their own: they never fall due, but a shutdown must find them. */
  readonly endless: DeadlineQueue;
  private readonly queues = new Map<number, DeadlineQueue>();

  constructor(private readonly clock: Clock) {
    this.endless = new DeadlineQueue(clock, Infinity);
  }

  queue(durationMs: number): DeadlineQueue {
    let queue = this.queues.get(durationMs);
    if (queue === undefined) {
      queue = new DeadlineQueue(this.clock, durationMs);
      this.queues.set(durationMs, queue);
    }
    return queue;
  }

  /** Ends every call of the direct lane that still runs. */
  giveUp(): void {
    for (const queue of [this.endless, ...this.queues.values()]) queue.giveUp();
  }

  dispose(): void {
    for (const queue of this.queues.values()) queue.dispose();
    this.queues.clear();
  }
}
