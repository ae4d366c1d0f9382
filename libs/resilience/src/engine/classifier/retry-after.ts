import { type Fields, headersOf, read } from './error-shape.js';

/**
 * How long the server asked to be left alone, in milliseconds: our own errors' `retryAfterMs`, then `retry-after-ms`, then
 * `retry-after` (seconds or HTTP date, RFC 9110 section 10.2.3), then `x-ratelimit-reset*` when the limit is the reason.
 * @param nowEpochMs for hints that are dates
 */
export function retryAfterOf(error: Fields, rateLimited: boolean, nowEpochMs: number): number | undefined {
  const own = read(error, 'retryAfterMs');
  if (typeof own === 'number' && Number.isFinite(own) && own >= 0) return own;
  const headers = headersOf(error);
  if (headers.size === 0) return undefined;
  const milliseconds = number(headers.get('retry-after-ms'));
  if (milliseconds !== undefined) return milliseconds;
  const retryAfter = headers.get('retry-after');
  if (retryAfter !== undefined) return secondsOrDate(retryAfter, nowEpochMs);
  return rateLimited ? resetOf(headers, nowEpochMs) : undefined;
}

/** The server's explicit order, sent by OpenAI and Anthropic. */
export function shouldRetryOf(error: Fields): boolean | undefined {
  const value = headersOf(error).get('x-should-retry');
  if (value === 'true') return true;
  return value === 'false' ? false : undefined;
}

function number(text: string | undefined): number | undefined {
  if (text === undefined || text.trim() === '') return undefined;
  const value = Number(text);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}

function secondsOrDate(text: string, nowEpochMs: number): number | undefined {
  const seconds = number(text);
  if (seconds !== undefined) return seconds * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowEpochMs);
}

const RESET = /^x-ratelimit-reset(?:-(.+))?$/;

/** Several limits (requests, tokens) reset apart: the last one among those that are used up decides. */
function resetOf(headers: Map<string, string>, nowEpochMs: number): number | undefined {
  let longest: number | undefined;
  for (const [name, value] of headers) {
    const match = RESET.exec(name);
    if (match === null) continue;
    const limit = match[1] === undefined ? '' : `-${match[1]}`;
    const remaining = number(headers.get(`x-ratelimit-remaining${limit}`));
    if (remaining !== undefined && remaining > 0) continue;
    const wait = resetToMs(value, nowEpochMs);
    if (wait !== undefined && (longest === undefined || wait > longest)) longest = wait;
  }
  return longest;
}

/** `6m0s`, `120ms` (OpenAI), seconds from now, epoch seconds, epoch milliseconds (GitHub and others), or an ISO date. */
function resetToMs(text: string, nowEpochMs: number): number | undefined {
  const value = number(text);
  if (value !== undefined) {
    if (value > 1e12) return Math.max(0, value - nowEpochMs);
    if (value > 1e9) return Math.max(0, value * 1000 - nowEpochMs);
    return value * 1000;
  }
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  if (parts.length > 0 && parts.map((part) => part[0]).join('') === text.trim()) {
    return parts.reduce((sum, part) => sum + Number(part[1]) * (UNIT_MS[part[2] ?? ''] ?? 0), 0);
  }
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowEpochMs);
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
