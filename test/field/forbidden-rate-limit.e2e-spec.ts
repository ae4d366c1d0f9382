import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { classifyError, createPolicy } from '@nest-resilience/core';

type Answer = [status: number, headers: Record<string, string>, body: object];

const soon = String(Math.ceil(Date.now() / 1000) + 1);
const LIMITED: [what: string, ...answer: Answer][] = [
  [
    'GitHub, primary',
    403,
    { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': soon },
    { message: 'API rate limit exceeded for installation' },
  ],
  [
    'GitHub, primary, in other words',
    403,
    { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': soon },
    { message: 'Forbidden' },
  ],
  ['GitHub, secondary', 403, { 'retry-after': '0.1' }, { message: 'You have exceeded a secondary rate limit.' }],
  ['GitHub, words alone', 403, {}, { message: 'You have exceeded a secondary rate limit. Please wait a few minutes.' }],
  ['GitHub, long ago', 403, {}, { message: 'You have triggered an abuse detection mechanism. Please wait.' }],
  [
    'Google, by its reason',
    403,
    {},
    { error: { code: 403, message: 'No', errors: [{ reason: 'userRateLimitExceeded' }] } },
  ],
  [
    'Google, per minute',
    403,
    {},
    { error: { code: 403, message: "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute'" } },
  ],
  ['a draft header of the IETF', 403, { ratelimit: '"default";r=0;t=1' }, { message: 'Forbidden' }],
  ['Shopify', 430, {}, { errors: 'Shopify Security Rejection' }],
];

const REFUSED: [what: string, reason: string, ...answer: Answer][] = [
  [
    'GitHub, no right',
    'permission',
    403,
    { 'x-ratelimit-remaining': '4999', 'x-ratelimit-reset': '9' },
    { message: 'Resource not accessible by integration' },
  ],
  ['rights over rate limits', 'permission', 403, {}, { message: 'You may not edit the rate limit of this project' }],
  [
    'Google, a day’s quota',
    'quota',
    403,
    {},
    { error: { code: 403, message: 'No', errors: [{ reason: 'dailyLimitExceeded' }] } },
  ],
  [
    'Google, a disabled API',
    'permission',
    403,
    {},
    { error: { code: 403, status: 'PERMISSION_DENIED', details: [{ reason: 'SERVICE_DISABLED' }] } },
  ],
  [
    'OpenRouter, a flagged text',
    'content_policy',
    403,
    {},
    { error: { code: 403, message: 'Your input was flagged', metadata: { reasons: ['hate'] } } },
  ],
];

describe('a 403 that is a rate limit', () => {
  let server: Server;
  let requests: number;
  let answer: Answer;

  beforeEach(async () => {
    requests = 0;
    server = createServer((_request, response) => {
      if (++requests > 1) return void response.end('{"ok":true}');
      response
        .writeHead(answer[0], { 'content-type': 'application/json', ...answer[1] })
        .end(JSON.stringify(answer[2]));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  /** As axios does: what the server said is kept in `response.data`. */
  async function ask(): Promise<unknown> {
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const data: unknown = await response.json();
    const { status, headers } = response;
    if (!response.ok)
      throw Object.assign(new Error(`Request failed with status code ${status}`), {
        response: { status, headers, data },
      });
    return data;
  }

  const policy = createPolicy({ name: 'api', retry: { maxRetries: 1, strategy: 'immediate', budget: false } });

  it.each(LIMITED)('%s: is waited for', async (_what, ...given) => {
    answer = given;

    await expect(policy.execute(ask)).resolves.toEqual({ ok: true });
  });

  it.each(REFUSED)('%s: is %s, and asked once', async (_what, reason, ...given) => {
    answer = given;

    const error: unknown = await policy.execute(ask).catch((thrown: unknown) => thrown);

    expect({ reason: classifyError(error).reason, requests }).toEqual({ reason, requests: 1 });
  });
});
