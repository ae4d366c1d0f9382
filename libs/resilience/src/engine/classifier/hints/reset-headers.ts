import { decimal, duration, longest, sane } from './amounts.js';

/**
 * `x-ratelimit-reset[-tokens]` (OpenAI, Groq, Azure, GitHub), `x-rate-limit-reset` (X), `ratelimit-reset` (IETF draft 6, GitLab),
 * `anthropic-ratelimit-tokens-reset`, `x-ratelimit-reset-after` (Discord), `x-ratelimit-requests-reset` (Linear), `x-app-limit-24hour-reset`.
 */
const RESET = /(?:rate-?limit|limit-24hour)\b.*-reset(?:-|$)/;
const REMAINING = /(?:rate-?limit|limit-24hour)\b.*-remaining(?:-|$)/;

/** Whether any limit that the headers report has nothing left. */
export function usedUp(headers: ReadonlyMap<string, string>): boolean {
  for (const [name, value] of headers) if (REMAINING.test(name) && decimal(value) === 0) return true;
  return windowsOf(headers).some(({ remaining }) => remaining === 0);
}

/**
 * Several limits (requests, tokens) reset apart: the last one among those that are used up decides.
 * @param limited the limit was the reason, so a limit that does not say what is left counts as used up
 */
export function resetOf(
  headers: ReadonlyMap<string, string>,
  limited: boolean,
  nowEpochMs: number,
): number | undefined {
  const waits: (number | undefined)[] = [];
  const note = (remaining: number | undefined, wait: number | undefined): void => {
    if (remaining === 0 || (limited && remaining === undefined)) waits.push(wait);
  };
  for (const [name, value] of headers) {
    if (!RESET.test(name)) continue;
    const remaining = headers.get(name.replace(/-reset(?:-after)?(?=-|$)/, '-remaining'));
    note(decimal(remaining), resetToMs(value, nowEpochMs));
  }
  for (const { remaining, resetMs } of windowsOf(headers)) note(remaining, resetMs);
  return longest(waits);
}

/** `ratelimit: limit=60, remaining=0, reset=30` (IETF draft 7), `"default";r=0;t=30, "daily";r=9;t=3600` (from draft 8 on). */
function windowsOf(
  headers: ReadonlyMap<string, string>,
): { remaining: number | undefined; resetMs: number | undefined }[] {
  const value = headers.get('ratelimit') ?? headers.get('x-ratelimit');
  if (value === undefined || value.length > 1000) return [];
  const items = /\bremaining\s*=/.test(value) ? [value] : value.split(',');
  return items.map((item) => {
    const seconds = decimal(/\b(?:reset|t)\s*=\s*([\d.]+)/.exec(item)?.[1]);
    return {
      remaining: decimal(/\b(?:remaining|r)\s*=\s*([\d.]+)/.exec(item)?.[1]),
      resetMs: seconds === undefined ? undefined : sane(seconds * 1000),
    };
  });
}

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)$/;

/** Seconds from now, epoch seconds, epoch milliseconds, `6m0s`, or an RFC 3339 date. What is past says nothing. */
function resetToMs(text: string, nowEpochMs: number): number | undefined {
  const value = decimal(text);
  if (value !== undefined) {
    if (value > 1e12) return sane(value - nowEpochMs);
    return sane(value > 1e9 ? value * 1000 - nowEpochMs : value * 1000);
  }
  const given = text.trim();
  return RFC_3339.test(given) ? sane(Date.parse(given) - nowEpochMs) : sane(duration(given));
}
