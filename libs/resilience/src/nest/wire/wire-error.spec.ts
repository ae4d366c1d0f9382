import { describe, expect, it } from '@jest/globals';

import { BulkheadFullError } from '../../bulkhead/index.js';
import type { ResilienceError } from '../../engine/errors.js';
import { RateLimitError } from '../../rate-limit/index.js';
import { answerOf, retryAfterHeader } from './wire-error.js';

const told = (error: ResilienceError) => {
  const answer = answerOf(error);
  return { status: answer.status, retryAfterMs: answer.retryAfterMs, header: retryAfterHeader(answer) };
};

describe('What a caller outside is told', () => {
  it('a full bulkhead: 503, and to come back in a second, for nobody knows when a place is free', () => {
    expect(told(new BulkheadFullError('Orders.find', 25, 0))).toEqual({
      status: 503,
      retryAfterMs: undefined,
      header: '1',
    });
  });

  it.each([
    [70, '1'],
    [1_000, '1'],
    [1_000.5, '2'],
    [59_001, '60'],
  ])('a rate limit that is used up for %d ms: 429, and to come back in %s s', (retryAfterMs, header) => {
    expect(told(new RateLimitError('Api.ask', 10, 60_000, retryAfterMs))).toEqual({
      status: 429,
      retryAfterMs: Math.ceil(retryAfterMs),
      header,
    });
  });

  it('a call that costs more than its rate limit: 429, and never to come back', () => {
    expect(told(new RateLimitError('Api.ask', 10, 60_000, Infinity, 'cost', 11))).toEqual({
      status: 429,
      retryAfterMs: undefined,
      header: undefined,
    });
  });
});
