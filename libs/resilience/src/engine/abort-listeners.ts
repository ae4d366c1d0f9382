/** Everybody who waits for one signal. */
const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls back once when the signal aborts; never for one that has aborted already. However many listen, the signal has one
 * listener: twenty calls of one request are no leak, and must not be reported as one (MaxListenersExceededWarning).
 * `AbortSignal.any()` would do it too, but leaks on Node 20.
 * @returns takes the listener away; the signal's own goes with the last of them
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  if (signal.aborted) return () => undefined;
  const known = waiting.get(signal);
  const listeners = known ?? listenTo(signal);
  // A function of its own per call: one that listens twice is called twice, and leaves once.
  const own = (): void => listener();
  listeners.add(own);
  return () => {
    if (listeners.delete(own) && listeners.size === 0 && waiting.get(signal) === listeners) forget(signal);
  };
}

const tellAll = ({ currentTarget }: Event): void => {
  const signal = currentTarget as AbortSignal;
  const listeners = waiting.get(signal) ?? [];
  waiting.delete(signal);
  for (const listener of listeners) {
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

function listenTo(signal: AbortSignal): Set<() => void> {
  const listeners = new Set<() => void>();
  waiting.set(signal, listeners);
  signal.addEventListener('abort', tellAll, { once: true });
  return listeners;
}

function forget(signal: AbortSignal): void {
  waiting.delete(signal);
  signal.removeEventListener('abort', tellAll);
}
