import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createPolicy } from '@nest-resilience/core';
import { FakeClock, RecordingEvents } from '@nest-resilience/core/testing';

describe('a Retry-After that says nothing usable', () => {
  let server: Server;
  let header: string | readonly string[];

  beforeEach(async () => {
    server = createServer((_request, response) => {
      response.writeHead(429, { 'retry-after': header as string }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  /** What one refused call plans: the delay of its retry, or why it gave up. */
  async function planOf(value: string | readonly string[]): Promise<unknown> {
    header = value;
    const events = new RecordingEvents();
    const clock = new FakeClock();
    const policy = createPolicy({
      name: 'limited',
      retry: {
        maxRetries: 1,
        strategy: 'constant',
        baseDelay: 300,
        jitter: 'none',
        budget: false,
        retryAfterCap: '5s',
      },
      clock,
      events,
    });
    const planned = () => events.all.find(({ name }) => /^resilience\.retry\.(?:scheduled|exhausted)$/.test(name));
    const call = policy
      .execute(async () => {
        const { ok, status, headers } = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
        if (!ok) throw Object.assign(new Error('busy'), { status, headers });
      })
      .catch(() => undefined);
    while (planned() === undefined) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance('10s');
    await call;
    const plan = planned()?.payload as { delayMs: number } | { because: string };
    return 'delayMs' in plan ? plan.delayMs : plan.because;
  }

  it.each([
    '-5',
    '-0.5',
    '5;',
    '5s',
    '1e3',
    '0x10',
    '+5',
    'NaN',
    'Infinity',
    '1_000',
    '.5',
    '5.',
    '1,5',
    'tomorrow',
    'Sun Nov 6 08:49:37 1994',
    'Thu, 31 Feb 2030 08:00:00 GMT',
    'Thu, 01 Jan 2015 00:00:00 GMT',
    '2030-01-01',
    '01/02/2030',
    'January 7',
  ])('%p: waits as long as its own backoff says, or gives up', async (value) => {
    const plan = await planOf(value);

    expect([300, 5000, 'retry-after-cap']).toContain(plan);
  });

  it('takes the longest of several', async () => {
    expect(await planOf(['1', '3'])).toBe(3000);
    expect(await planOf('2, 1')).toBe(2000);
    expect(await planOf('2, never')).toBe(2000);
  });

  it('still obeys the forms that RFC 9110 knows, and decimals that servers send', async () => {
    expect(await planOf('2')).toBe(2000);
    expect(await planOf('0.2')).toBe(200);
    expect(await planOf('Thu, 01 Jan 2026 00:00:04 GMT')).toBeGreaterThan(1000);
  });
});
