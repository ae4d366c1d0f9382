import { setImmediate } from 'node:timers';
import { createHash } from 'node:crypto';

interface Event {
  readonly due: number;
  readonly place: number;
  readonly act: () => void;
}

/** Time that passes only when nothing is left to do, and chance that is the same for the same seed. */
export class SimulatedTime {
  now = 0;
  private readonly heap: Event[] = [];
  private readonly trace = createHash('sha256');
  private made = 0;
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** 0 up to 1 (Mulberry32). */
  readonly random = (): number => {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };

  between(least: number, most: number): number {
    return least + this.random() * (most - least);
  }

  pick<T>(from: readonly T[]): T | undefined {
    return from[Math.floor(this.random() * from.length)];
  }

  at(delayMs: number, act: () => void): void {
    this.heap.push({ due: this.now + Math.max(0, delayMs), place: this.made++, act });
    for (let child = this.heap.length - 1; child > 0;) {
      const parent = (child - 1) >> 1;
      if (isBefore(this.heap[parent]!, this.heap[child]!)) return;
      this.swap(parent, child);
      child = parent;
    }
  }

  wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.at(ms, resolve));
  }

  /** What happened, for comparing two runs. */
  note(...words: readonly (string | number | undefined)[]): void {
    this.trace.update(`${this.now.toFixed(3)} ${words.join(' ')}\n`);
  }

  /** Of everything noted; once. */
  hash(): string {
    return this.trace.digest('hex').slice(0, 12);
  }

  /** Until it is done, or that much time has passed. */
  async run(isDone: () => boolean, limitMs: number): Promise<void> {
    for (let next = this.next(); next && next.due <= limitMs && !isDone(); next = this.next()) {
      this.now = next.due;
      next.act();
      // Once for what follows at once, once for what lets others have a turn first.
      for (let turn = 0; turn < 2; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  private next(): Event | undefined {
    const [first, last] = [this.heap[0], this.heap.pop()];
    if (first === undefined || last === undefined || this.heap.length === 0) return first;
    this.heap[0] = last;
    for (let parent = 0; ;) {
      let child = 2 * parent + 1;
      if (child >= this.heap.length) return first;
      if (child + 1 < this.heap.length && isBefore(this.heap[child + 1]!, this.heap[child]!)) child++;
      if (isBefore(this.heap[parent]!, this.heap[child]!)) return first;
      this.swap(parent, child);
      parent = child;
    }
  }

  private swap(a: number, b: number): void {
    [this.heap[a], this.heap[b]] = [this.heap[b]!, this.heap[a]!];
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.due < b.due || (a.due === b.due && a.place < b.place);
}
