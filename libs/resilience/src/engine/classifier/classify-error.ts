import {
  type ErrorClassification,
  type FailureReason,
  OWN_RATE_LIMIT,
  type Verdict,
  VERDICTS,
} from './classification.js';
import { structuralReason } from './families/index.js';
import { read } from './fields.js';
import { retryAfterOf, shouldRetryOf } from './hints/retry-after.js';
import type { Link } from './link.js';
import { linksOf } from './links.js';
import { reasonOfWords } from './words.js';

/**
 * Says what an error means, whatever library threw it: structure first, words last.
 *
 * Order: codes of known clients and vendors, HTTP status, what stands in for one, names; then the same for whatever it wraps, nearest
 * first; then the flag `isRetryable`; then message words. The tables are listed in docs/error-classification.md. Never throws. Used by
 * every policy as its default; call it yourself inside `retryOn` or `recordOn` to refine it.
 *
 * @param nowEpochMs the wall clock, for hints that are dates; default `Date.now()`
 * @param callerLeft whether the caller is known to have aborted. Default false: then an abort is somebody's deadline, a `timeout`.
 */
export function classifyError(
  error: unknown,
  nowEpochMs: number = Date.now(),
  callerLeft = false,
): ErrorClassification {
  const links = linksOf(error);
  const flag = firstDefined(links, ({ fields }) => {
    const value = read(fields, 'isRetryable');
    return typeof value === 'boolean' ? value : undefined;
  });
  const found = reasonIn(links) ?? (flag === true ? 'network' : undefined) ?? wordReason(error, links) ?? 'unknown';
  const reason = found === 'abort' ? (callerLeft ? 'aborted' : 'timeout') : found;
  const verdict = reason === 'rate_limit' ? rateLimitVerdict(links) : VERDICTS[reason];
  const order = firstDefined(links, shouldRetryOf);
  const retryAfterMs = firstDefined(links, (link) => retryAfterOf(link, reason, nowEpochMs));
  // A client that knows no reason but says "not retryable" is believed; with a known reason our table decides.
  const stuck = reason === 'unknown' && flag === false;
  return {
    kind: stuck ? 'permanent' : verdict.kind,
    reason,
    retryable: order ?? (verdict.retryable && !stuck),
    countsAsFailure: verdict.countsAsFailure,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

/** Whether an error says that something was aborted, and no more. */
export function isAbort(error: unknown): boolean {
  return classifyError(error, 0, true).reason === 'aborted';
}

/** A limit of our own says nothing about the dependency; a call that costs more than the whole limit never passes it. */
function rateLimitVerdict(links: readonly Link[]): Verdict {
  const own = links.find(({ code }) => code === 'RESILIENCE_RATE_LIMITED');
  if (own === undefined) return VERDICTS.rate_limit;
  return own.number('retryAfterMs') === Infinity ? VERDICTS.bad_request : OWN_RATE_LIMIT;
}

function reasonIn(links: readonly Link[]): FailureReason | 'abort' | undefined {
  const [first, ...wrapped] = links;
  if (first === undefined) return undefined;
  const own = structuralReason(first);
  if (own !== undefined) return own;
  if (answeredButUnreadable(first, wrapped))
    return (first.tellsOfError ? reasonOfWords(first.words) : undefined) ?? 'invalid_output';
  for (const link of wrapped) {
    const reason = structuralReason(link);
    if (reason === undefined) continue;
    // Of several that failed beside each other, one that may do better the next time is enough.
    const better = link.siblings?.map(structuralReason).find((other) => other !== undefined && mayPass(other));
    return better ?? reason;
  }
  return undefined;
}

function mayPass(reason: FailureReason | 'abort'): boolean {
  return reason === 'abort' || VERDICTS[reason].retryable;
}

/** A 2xx whose body could not be read as promised; clients call that "not retryable", yet the next answer may well be sound. */
function answeredButUnreadable({ status }: Link, wrapped: readonly Link[]): boolean {
  if (status === undefined || status < 200 || status > 299) return false;
  return wrapped.some((link) => link.name === 'SyntaxError' || structuralReason(link) === 'invalid_output');
}

function wordReason(error: unknown, links: readonly Link[]): FailureReason | 'abort' | undefined {
  if (typeof error === 'string') return reasonOfWords(error.slice(0, 2000).toLowerCase());
  return firstDefined(links, ({ message }) => reasonOfWords(message));
}

function firstDefined<T>(links: readonly Link[], pick: (link: Link) => T | undefined): T | undefined {
  for (const link of links) {
    const found = pick(link);
    if (found !== undefined) return found;
  }
  return undefined;
}
