/** How a connection says that it was closed by the other side. */
const CLOSED: readonly unknown[] = ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'];

/** So many connections at most are taken for kept alive: in an outage no more requests than that are sent twice. */
const MOST_KEPT = 10;

/** Requests that cost money which was counted for one. */
const ONCE = new WeakSet<AbortSignal>();

/** No request with this signal is sent twice. */
export function sendOnce(signal: AbortSignal): AbortSignal {
  ONCE.add(signal);
  return signal;
}

/**
 * A server may close a connection that was kept alive at the very moment in which a request is written to it. Then nothing was wrong
 * with the server, and the request is sent once more at once, over a new connection. One that was answered before may have been kept.
 */
export function onceMore(send: typeof fetch): typeof fetch {
  let kept = 0;
  const answered = async (...args: Parameters<typeof fetch>) => {
    const response = await send(...args);
    kept = Math.min(kept + 1, MOST_KEPT);
    return response;
  };
  return async (input, init) => {
    try {
      return await answered(input, init);
    } catch (error) {
      const signal = init?.signal;
      if (kept === 0 || !wasClosed(error) || (signal && (signal.aborted || ONCE.has(signal)))) throw error;
      kept--;
      return answered(input, init);
    }
  };
}

function wasClosed(error: unknown): boolean {
  const { code, cause } = Object(error) as { readonly code?: unknown; readonly cause?: { readonly code?: unknown } };
  return CLOSED.includes(code) || CLOSED.includes(cause?.code);
}
