/** An answer that is no success, in the shape the classifier reads. */
class DeliveryError extends Error {
  override readonly name = 'DeliveryError';

  constructor(
    readonly url: string,
    readonly status: number,
    readonly headers: Headers,
  ) {
    super(`POST ${url} answered ${status}`);
  }
}

/** One POST, which ends with its attempt: one that nobody waits for would keep the process up. The receiver sees the same key again when the delivery is repeated. */
export async function deliver(
  url: string,
  body: unknown,
  { idempotencyKey, signal }: { readonly idempotencyKey: string; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  });
  await response.body?.cancel();
  if (!response.ok) throw new DeliveryError(url, response.status, response.headers);
}
