/** The service's HTTP API as a client sees it. */

const ENDED = new Set(['succeeded', 'failed', 'cancelled']);
const POLL_MS = 100;

export class ServiceClient {
  #url;
  #token;

  constructor({ url, token }) {
    this.#url = url;
    this.#token = token;
  }

  /** Submits one run and resolves with its id. 429 is the service's way to say "later": the key makes asking again safe. */
  async submit(workflow, input, idempotencyKey) {
    for (;;) {
      const response = await this.#fetch('POST', `/workflows/${workflow}/executions`, input, {
        'idempotency-key': idempotencyKey,
      });
      if (response.status !== 429) {
        const { id } = await this.#json(response);
        return id;
      }
      await response.body?.cancel();
      await pause(1_000 * Number(response.headers.get('retry-after') ?? 1));
    }
  }

  execution(id) {
    return this.#get(`/executions/${id}`);
  }

  /** Polls until the run has ended; rejects when it has not within `withinMs`. */
  async ended(id, withinMs) {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const execution = await this.execution(id);
      if (ENDED.has(execution.status)) return execution;
      if (performance.now() > deadline)
        throw new Error(`execution ${id} is still ${execution.status} after ${withinMs} ms`);
      await pause(POLL_MS);
    }
  }

  circuits() {
    return this.#get('/resilience/circuits');
  }

  cluster() {
    return this.#get('/resilience/cluster');
  }

  /** Every dead letter that still waits for somebody. */
  async openDeadLetters() {
    const entries = [];
    let cursor;
    do {
      const query = new URLSearchParams({
        status: 'pending,redriving,poisoned',
        limit: '100',
        ...(cursor && { cursor }),
      });
      const page = await this.#get(`/dead-letters?${query}`);
      entries.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor);
    return entries;
  }

  async redriveAll() {
    return this.#json(await this.#fetch('POST', '/dead-letters/redrive', {}));
  }

  async #get(path) {
    return this.#json(await this.#fetch('GET', path));
  }

  #fetch(method, path, body, headers = {}) {
    return fetch(this.#url + path, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    });
  }

  async #json(response) {
    const text = await response.text();
    if (!response.ok) throw new Error(`${response.url} answered ${response.status}: ${text.slice(0, 300)}`);
    return JSON.parse(text);
  }
}

export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
