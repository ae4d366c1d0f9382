/** Tells running calls that the process is going: no new retries, waits end at once. */
export class Shutdown {
  private readonly listeners = new Set<() => void>();
  private inFlight = 0;
  private idle: (() => void)[] = [];
  stopping = false;

  /** Calls back once when shutdown begins; the returned function takes the listener away. */
  onStop(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  begin(): void {
    if (this.stopping) return;
    this.stopping = true;
    for (const listener of [...this.listeners]) listener();
    this.listeners.clear();
  }

  /** Counts work that must not be cut off: a call being rescued, a dead letter being written. */
  enter(): void {
    this.inFlight++;
  }

  leave(): void {
    if (--this.inFlight > 0) return;
    const waiting = this.idle;
    this.idle = [];
    for (const done of waiting) done();
  }

  /** Resolves when nothing is in flight. */
  whenIdle(): Promise<void> {
    return this.inFlight <= 0 ? Promise.resolve() : new Promise((resolve) => this.idle.push(resolve));
  }
}
