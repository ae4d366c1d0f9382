/** Everybody who waits for one signal, and the one listener that the signal has of them. */
class Waiting {
  readonly listeners = new Set<() => void>();

  constructor(private readonly signal: AbortSignal) {
    signal.addEventListener('abort', this.tellAll, { once: true });
  }

  leave(listener: () => void): void {
    if (!this.listeners.delete(listener) || this.listeners.size > 0 || waiting.get(this.signal) !== this) return;
    waiting.delete(this.signal);
    this.signal.removeEventListener('abort', this.tellAll);
  }

  /** Does not ask the event for its target: one that somebody dispatched on has none. */
  private readonly tellAll = (): void => {
    waiting.delete(this.signal);
    for (const listener of this.listeners) {
      try {
        listener();
      } catch (error) {
        // As an EventTarget does it: reported, and no matter of those who come after.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  };
}

const waiting = new WeakMap<AbortSignal, Waiting>();

/**
 * Calls back once when the signal aborts; never for one that has aborted already. However many listen, the signal has one
 * listener: twenty calls of one request are no leak, and must not be reported as one (MaxListenersExceededWarning).
 * `AbortSignal.any()` would do it too, but leaks on Node 20.
 * @returns takes the listener away; the signal's own goes with the last of them
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  if (signal.aborted) return () => undefined;
  let shared = waiting.get(signal);
  if (shared === undefined) waiting.set(signal, (shared = new Waiting(signal)));
  const all = shared;
  // A function of its own per call: one that listens twice is called twice, and leaves once.
  const own = (): void => listener();
  all.listeners.add(own);
  return () => all.leave(own);
}
