/** Tells running calls that the process is going: no new retries, waits end at once; later, that it waits no longer. */
export class Shutdown {
  private readonly listeners = new Set<() => void>();
  private readonly expiryListeners = new Set<() => void>();
  private inFlight = 0;
  private idle: (() => void)[] = [];
  stopping = false;
  /** The process waits no longer for running calls. */
  expired = false;

  /** Calls and writes that have not ended. */
  get running(): number {
    return this.inFlight;
  }

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

  /** Calls back when the process waits no longer for running calls: at once, if that is so already. */
  onExpired(listener: () => void): () => void {
    if (this.expired) listener();
    else this.expiryListeners.add(listener);
    return () => void this.expiryListeners.delete(listener);
  }

  /** Ends the calls of the slower lanes; those of the direct lane are known to the deadline queues. */
  expire(): void {
    this.expired = true;
    for (const listener of [...this.expiryListeners]) listener();
    this.expiryListeners.clear();
  }

  /** Counts work that must not be cut off: a call being rescued, a dead letter being written. */
  enter(): void {
    this.inFlight++;
  }

  leave(): void {
    if (--this.inFlight > 0 || this.idle.length === 0) return;
    const waiting = this.idle;
    this.idle = [];
    for (const done of waiting) done();
  }

  /** Resolves when nothing is in flight. */
  whenIdle(): Promise<void> {
    return this.inFlight <= 0 ? Promise.resolve() : new Promise((resolve) => this.idle.push(resolve));
  }
}
