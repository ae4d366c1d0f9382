import { describe, expect, it } from '@jest/globals';

import { classifyError } from './classify-error.js';

const NOW = Date.UTC(2026, 0, 1);
const inSeconds = (seconds: number): Date => new Date(NOW + seconds * 1000);
const limited = (headers: unknown): object => ({ status: 429, headers });
const hintOf = (error: unknown): number | undefined => classifyError(error, NOW).retryAfterMs;

describe('pain 11: the server’s own hint', () => {
  it.each<[header: string, value: string, ms: number | undefined]>([
    ['retry-after-ms', '1500', 1500],
    ['retry-after-ms', '0', 0],
    ['retry-after-ms', '-5', undefined],
    ['retry-after-ms', 'soon', undefined],
    ['retry-after', '7', 7000],
    ['retry-after', '0.5', 500],
    ['retry-after', '0', 0],
    ['retry-after', ' 3 ', 3000],
    ['retry-after', '', undefined],
    ['retry-after', 'soon', undefined],
    ['retry-after', inSeconds(90).toUTCString(), 90_000],
    ['retry-after', inSeconds(-90).toUTCString(), undefined],
    ['x-ratelimit-reset', '12', 12_000],
    ['x-ratelimit-reset', String(NOW / 1000 + 30), 30_000],
    ['x-ratelimit-reset', String(NOW + 45_000), 45_000],
    ['x-ratelimit-reset', String(NOW / 1000 - 30), undefined],
    ['x-ratelimit-reset', inSeconds(20).toISOString(), 20_000],
    ['x-ratelimit-reset-requests', '6m0s', 360_000],
    ['x-ratelimit-reset-tokens', '120ms', 120],
    ['x-ratelimit-reset-tokens', '1h2m3.5s', 3_723_500],
    ['x-ratelimit-reset-tokens', '1.25s', 1250],
    ['x-ratelimit-reset-tokens', ' 2s ', 2000],
    ['x-ratelimit-reset-tokens', '5s or so', undefined],
    ['x-ratelimit-reset-tokens', '6 bananas', undefined],
  ])('%s: %s means %p ms', (header, value, ms) => {
    expect(hintOf(limited({ [header]: value }))).toBe(ms);
  });

  it('is found wherever a client keeps its headers, in any form', () => {
    const plain = { 'Retry-After': '7' };

    const errors = [
      { headers: plain },
      { headers: new Headers(plain) },
      { headers: new Map([['Retry-After', '7']]) },
      { headers: [['Retry-After', '7']] },
      { headers: { 'retry-after': ['7', '3'] } },
      { headers: { 'retry-after': 7 } },
      { response: { headers: plain } },
      { response: { headers: new Headers(plain) } },
      { responseHeaders: plain },
      new Error('wrapped', { cause: { headers: plain } }),
    ];

    expect(errors.map(hintOf)).toEqual(errors.map(() => 7000));
  });

  it('prefers the exact form', () => {
    const all = { 'retry-after-ms': '1', 'retry-after': '2', 'x-ratelimit-reset': '3' };

    expect(hintOf(limited(all))).toBe(1);
    expect(hintOf(limited({ ...all, 'retry-after-ms': 'x' }))).toBe(2000);
  });

  it('reads a rate limit’s reset only when the limit was the reason', () => {
    expect(hintOf({ status: 500, headers: { 'x-ratelimit-reset': '60' } })).toBeUndefined();
  });

  it('waits for the limit that is used up, not for those with room left', () => {
    const headers = {
      'x-ratelimit-reset-requests': '1s',
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-tokens': '6m0s',
      'x-ratelimit-remaining-tokens': '5000',
    };

    expect(hintOf(limited(headers))).toBe(1000);
    expect(hintOf(limited({ ...headers, 'x-ratelimit-remaining-tokens': '0' }))).toBe(360_000);
  });

  it('is absent when nobody gave one', () => {
    expect(classifyError({ status: 429 })).not.toHaveProperty('retryAfterMs');
    expect(hintOf(limited({}))).toBeUndefined();
    expect(hintOf(limited('retry-after: 7'))).toBeUndefined();
  });

  it.each<[what: string, error: object, ms: number | undefined]>([
    ['OpenAI and Groq', { status: 429, message: 'Please try again in 1.6s. Visit the page' }, 1600],
    ['OpenAI, milliseconds', { status: 429, message: 'Please try again in 320ms.' }, 320],
    ['Groq, minutes', { status: 429, message: 'Please try again in 1m26.4s.' }, 86_400],
    ['LiteLLM', { status: 429, message: 'No deployments available for selected model, Try again in 5 seconds.' }, 5000],
    ['Azure', { status: 429, message: 'Please retry after 26 seconds.' }, 26_000],
    ['Azure, a quota', { status: 403, message: 'Out of call volume quota. Quota will be replenished in 2 days.' }, 172_800_000],
    ['somebody', { status: 429, message: 'Too many requests, please wait 30 seconds before trying again' }, 30_000],
    ['Anthropic, a date', { status: 400, message: 'reached your specified API usage limits. You will regain access on 2026-01-02 at 00:00 UTC.' }, 86_400_000],
    ['Anthropic, a date that is past', { status: 400, message: 'reached your specified API usage limits. You will regain access on 2025-12-01 at 00:00 UTC.' }, undefined],
    ['Gemini', { status: 429, error: { details: [{ '@type': 'google.rpc.RetryInfo', retryDelay: '34s' }] } }, 34_000],
    ['Gemini over gRPC', { status: 429, error: { details: [{ retryDelay: { seconds: '7', nanos: 0 } }] } }, 7000],
    ['Hugging Face', { status: 503, error: { error: 'Model x is currently loading', estimated_time: 20.5 } }, 20_500],
    ['Anthropic, a limit used up', { status: 429, headers: {
      'anthropic-ratelimit-requests-remaining': '0', 'anthropic-ratelimit-requests-reset': inSeconds(9).toISOString(),
      'anthropic-ratelimit-tokens-remaining': '9', 'anthropic-ratelimit-tokens-reset': inSeconds(60).toISOString(),
    } }, 9000],
    ['nobody, of a request that is wrong', { status: 400, message: 'correct it and try again in 5 seconds' }, undefined],
  ])('is read from what %s says', (_what, error, ms) => {
    expect(hintOf(error)).toBe(ms);
  }); // prettier-ignore

  it.each([NaN, -1, Infinity, '5'])('is not taken from a retryAfterMs of %p', (retryAfterMs) => {
    expect(hintOf({ retryAfterMs })).toBeUndefined();
  });
});
