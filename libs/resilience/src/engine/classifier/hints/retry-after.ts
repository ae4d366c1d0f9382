import type { FailureReason } from '../classification.js';
import { type Fields, fieldsOf, read } from '../fields.js';
import type { Link } from '../link.js';
import { decimal, duration, longest, sane } from './amounts.js';
import { parseHttpDate } from './http-date.js';
import { resetOf } from './reset-headers.js';

/**
 * How long the server asked to be left alone, in milliseconds: our own errors' `retryAfterMs`, then a header in milliseconds, then
 * `retry-after`, then the body, then the reset of a limit that is used up, then the message. What is malformed or past is no hint.
 * @param reason of the failure: only a limit or an overload makes a limit's reset a hint
 * @param nowEpochMs for hints that are dates
 */
export function retryAfterOf(link: Link, reason: FailureReason, nowEpochMs: number): number | undefined {
  const own = link.number('retryAfterMs');
  if (own !== undefined && Number.isFinite(own) && own >= 0) return own;
  const limited = reason === 'rate_limit' || reason === 'overloaded' || reason === 'quota';
  const { headers } = link;
  return (
    inMilliseconds(headers) ??
    inSecondsOrDates(headers.get('retry-after'), nowEpochMs) ??
    inBody(link) ??
    (headers.size === 0 ? undefined : resetOf(headers, limited, nowEpochMs)) ??
    (limited ? inWords(link.words, nowEpochMs) : undefined)
  );
}

/** The server's explicit order, sent by OpenAI and Anthropic. */
export function shouldRetryOf({ headers }: Link): boolean | undefined {
  const value = headers.get('x-should-retry');
  if (value === 'true') return true;
  return value === 'false' ? false : undefined;
}

/** OpenAI; Azure, https://learn.microsoft.com/azure/ai-services/openai/how-to/quota; gRFC A6. */
const MILLISECONDS = ['retry-after-ms', 'x-ms-retry-after-ms', 'grpc-retry-pushback-ms'];

function inMilliseconds(headers: ReadonlyMap<string, string>): number | undefined {
  for (const name of MILLISECONDS) {
    const wait = longest((headers.get(name)?.split(',') ?? []).map((value) => sane(decimal(value))));
    if (wait !== undefined) return wait;
  }
  return undefined;
}

/** RFC 9110 section 10.2.3. Of several, the longest. */
function inSecondsOrDates(value: string | undefined, nowEpochMs: number): number | undefined {
  if (value === undefined || value.length > 1000) return undefined;
  // The comma after a weekday is part of a date.
  return longest(
    value.split(/,(?! \d\d[ -][A-Z])/).map((item) => {
      const seconds = decimal(item);
      if (seconds !== undefined) return sane(seconds * 1000);
      const date = parseHttpDate(item.trim(), nowEpochMs);
      return date === undefined ? undefined : sane(date - nowEpochMs);
    }),
  );
}

/** Names that say their unit, or are documented to be in seconds: Discord, Telegram (`parameters.retry_after`), Slack's client. */
const IN_BODY: readonly (readonly [name: string, unitMs: number])[] = [
  ['retry_after_ms', 1],
  ['msBeforeNext', 1],
  ['retry_after', 1000],
  ['retry_after_seconds', 1000],
  ['retryAfterSeconds', 1000],
  // Hugging Face of a model that is loading, OpenAI of a plan's limit.
  ['estimated_time', 1000],
  ['resets_in_seconds', 1000],
];

function inBody(link: Link): number | undefined {
  // https://slack.dev/node-slack-sdk/web-api#rate-limits: the one client whose own `retryAfter` is in seconds by contract.
  const slack = link.code === 'slack_webapi_rate_limited_error' ? decimal(link.number('retryAfter')) : undefined;
  return sane(slack && slack * 1000) ?? longest([link.fields, ...link.bodies].map(waitIn));
}

function waitIn(body: Fields): number | undefined {
  for (const [name, unitMs] of IN_BODY) {
    const amount = decimal(read(body, name));
    const wait = amount === undefined ? undefined : sane(amount * unitMs);
    if (wait !== undefined) return wait;
  }
  // google.rpc.RetryInfo, https://cloud.google.com/apis/design/errors#error_details: a text in JSON, an object from gRPC.
  const delay = read(body, 'retryDelay');
  if (typeof delay === 'string') return sane(duration(delay));
  const seconds = decimal(read(fieldsOf(delay), 'seconds'));
  return seconds === undefined ? undefined : sane(seconds * 1000);
}

/**
 * "Please try again in 1.6s" (OpenAI, Groq), "Please retry in 34.07s" (Gemini), "retry after 26 seconds" (Azure), "will be replenished in
 * 2 days" (Azure), "wait 30 seconds".
 */
const AGAIN =
  /(?:try again|retry|replenished|available again|resets?) (?:in|after) (?:about )?((?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+\b|\d+(?:\.\d+)? (?:second|minute|hour|day))|wait (?:for )?(?:about )?(\d+ (?:second|minute))/;

/** "You will regain access on 2026-12-01 at 00:00 UTC" (Anthropic). */
const ACCESS_ON = /regain access on (\d{4}-\d\d-\d\d) at (\d\d:\d\d) utc/;

function inWords(words: string, nowEpochMs: number): number | undefined {
  const again = AGAIN.exec(words);
  const wait = (again?.[1] ?? again?.[2])?.replace(/ (\w)\w+$/, '$1');
  if (wait !== undefined) return sane(duration(wait));
  const [, day, time] = ACCESS_ON.exec(words) ?? [];
  return day === undefined ? undefined : sane(Date.parse(`${day}T${time}:00Z`) - nowEpochMs);
}
