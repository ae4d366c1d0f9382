/** What is asked of an application that runs. Each throws when it is not so. */
import assert from 'node:assert/strict';

/** @typedef {{ url: string, token: string, log: string[], stop: (signal: string) => Promise<{ code: number | null, signal: string | null }> }} Running */

/** @type {Record<string, (running: Running) => Promise<void>>} */
export const checks = {
  async 'boot table'({ log }) {
    assert.match(
      log.join('\n'),
      /Protected \(\d+\), outermost policy first[^]*AppService\.retried +Retry\(maxRetries 2/,
    );
  },

  async retry({ url }) {
    const response = await fetch(`${url}/retried`);
    assert.deepEqual([response.status, await response.json()], [200, { attempts: 3 }]);
  },

  async 'open circuit'({ url }) {
    assert.equal((await fetch(`${url}/order`)).status, 500);
    const { headers } = await problem(await fetch(`${url}/order`), 503, 'RESILIENCE_CIRCUIT_OPEN');
    assert.match(headers.get('retry-after') ?? 'none', /^\d+$/);
  },

  async 'admin route'({ url, token }) {
    await problem(await fetch(`${url}/dead-letters`), 401, 'RESILIENCE_ADMIN_UNAUTHORIZED');
    const headers = { authorization: `Bearer ${token}` };
    const { items } = await (await fetch(`${url}/dead-letters`, { headers })).json();
    assert.deepEqual(
      items.map(({ queue }) => queue),
      ['orders', 'orders'],
    );
    await problem(await fetch(`${url}/dead-letters/nobody`, { headers }), 404, 'RESILIENCE_DEAD_LETTER_NOT_FOUND');
  },

  async 'workflow route'({ url }) {
    await problem(await fetch(`${url}/workflows/nobody`), 404, 'RESILIENCE_WORKFLOW_NOT_FOUND');
    const started = await fetch(`${url}/workflows/w/executions?wait=10s`, { method: 'POST' });
    assert.deepEqual([started.status, (await started.json()).status], [200, 'succeeded']);
  },

  async 'refused body'({ url }) {
    const send = (body) =>
      fetch(`${url}/workflows/w/executions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    await problem(await send(JSON.stringify({ text: 'x'.repeat(5_000_000) })), 413, 'RESILIENCE_BODY_TOO_LARGE');
    await problem(await send('{'), 400, 'RESILIENCE_BODY_MALFORMED');
  },

  async 'no warning'({ log }) {
    // What is said of the configuration while it boots may be a warning, and the request without a token is one.
    const since = log.findIndex((line) => line.includes('successfully started'));
    const warnings = log.slice(since).filter((line) => line.includes(' WARN '));
    assert.deepEqual(
      warnings.filter((line) => !line.includes('without the right token')),
      [],
    );
  },

  async 'clean close'({ log, stop }) {
    // Nest ends the process by the same signal when all hooks have run.
    assert.deepEqual(await stop('SIGTERM'), { code: null, signal: 'SIGTERM' });
    assert.equal(log.at(-1), 'closed');
  },
};

async function problem(response, status, code) {
  assert.deepEqual(
    [response.status, response.headers.get('content-type')],
    [status, 'application/problem+json; charset=utf-8'],
  );
  const body = await response.json();
  assert.deepEqual([body.status, body.code], [status, code]);
  return response;
}
