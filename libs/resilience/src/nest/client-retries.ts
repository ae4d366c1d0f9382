/** An API client that repeats failed requests itself. */
export interface RetryingClient {
  /** The property of the instance that holds it. */
  readonly property: string;
  /** e.g. `OpenAI` */
  readonly type: string;
  readonly maxRetries: number;
}

/**
 * Clients among an instance's own properties whose own retries are on, known by the two fields that the clients of OpenAI,
 * Anthropic and others made by the same generator have: a `baseURL` and `maxRetries`. Getters are not called; what is in a
 * `#private` field or a closure cannot be seen.
 */
export function clientsThatRetry(instance: object): RetryingClient[] {
  return Object.entries(Object.getOwnPropertyDescriptors(instance)).flatMap(([property, { value }]) => {
    // A part of a client, `openai.chat.completions`, refers to the whole.
    const client = isClient(value) ? value : fieldOf(value, '_client');
    if (!isClient(client) || !(client.maxRetries > 0)) return [];
    return [{ property, type: client.constructor.name, maxRetries: client.maxRetries }];
  });
}

/** @param method `Class.method`, with the retries that its own policy has */
export function describeClientRetries(
  { property, type, maxRetries }: RetryingClient,
  method: { readonly name: string; readonly maxRetries: number },
): string {
  const requests = (maxRetries + 1) * (method.maxRetries + 1);
  return (
    `${method.name} retries up to ${method.maxRetries} times, and so does the client in its property '${property}' ` +
    `(${type}, maxRetries ${maxRetries}): up to ${requests} requests a call, of which ` +
    `the circuit sees one in ${maxRetries + 1}. Make the client with { maxRetries: 0 }`
  );
}

interface Client {
  readonly baseURL: string;
  readonly maxRetries: number;
}

function isClient(value: unknown): value is Client {
  return typeof fieldOf(value, 'baseURL') === 'string' && typeof fieldOf(value, 'maxRetries') === 'number';
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value;
}
