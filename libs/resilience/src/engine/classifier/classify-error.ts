import {
  type ErrorClassification,
  type FailureReason,
  OWN_RATE_LIMIT,
  type Verdict,
  VERDICTS,
} from './classification.js';
import { bodyWordsOf, type Fields, fieldsOf, httpStatusOf, read, typesOf } from './error-shape.js';
import { retryAfterOf, shouldRetryOf } from './retry-after.js';
import { reasonOfCode, reasonOfName, reasonOfStatus, reasonOfType, reasonOfWords } from './rules.js';

/** A cause chain longer than this is a loop or an attack. */
const MAX_CAUSES = 8;

/**
 * Says what an error means, whatever library threw it: structure first, words last.
 *
 * Order: HTTP status, Node or provider code, SDK flags (`isRetryable`, `x-should-retry`), name, the cause chain, message words.
 * Never throws. Used by every policy as its default; call it yourself inside `retryOn` or `recordOn` to refine it.
 *
 * @param nowEpochMs the wall clock, for hints that are dates; default `Date.now()`
 */
export function classifyError(error: unknown, nowEpochMs: number = Date.now()): ErrorClassification {
  const chain = causeChain(error);
  const flag = firstDefined(chain, (link) => {
    const value = read(link, 'isRetryable');
    return typeof value === 'boolean' ? value : undefined;
  });
  const reason =
    structuralReason(chain) ?? (flag === true ? 'network' : undefined) ?? wordReason(error, chain) ?? 'unknown';
  const verdict = reason === 'rate_limit' ? rateLimitVerdict(chain) : VERDICTS[reason];
  const order = firstDefined(chain, shouldRetryOf);
  const retryAfterMs = firstDefined(chain, (link) => retryAfterOf(link, reason === 'rate_limit', nowEpochMs));
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

/** A limit of our own says nothing about the dependency; a call that costs more than the whole limit never passes it. */
function rateLimitVerdict(chain: readonly Fields[]): Verdict {
  const own = chain.find((link) => read(link, 'code') === 'RESILIENCE_RATE_LIMITED');
  if (own === undefined) return VERDICTS.rate_limit;
  return read(own, 'retryAfterMs') === Infinity ? VERDICTS.bad_request : OWN_RATE_LIMIT;
}

function causeChain(error: unknown): Fields[] {
  const chain: Fields[] = [];
  let link = fieldsOf(error);
  while (link !== undefined && chain.length < MAX_CAUSES && !chain.includes(link)) {
    chain.push(link);
    link = fieldsOf(read(link, 'cause'));
  }
  return chain;
}

function structuralReason(chain: readonly Fields[]): FailureReason | undefined {
  const malformedAnswer = answeredButUnreadable(chain);
  if (malformedAnswer) return 'invalid_output';
  return firstDefined(chain, (link) => {
    const status = httpStatusOf(link);
    const ofStatus = status === undefined ? undefined : reasonOfStatus(status, wordsOf(link));
    return ofStatus ?? reasonOfCode(read(link, 'code')) ?? typedReason(link) ?? reasonOfName(read(link, 'name'));
  });
}

/** Of an error that came without a status, inside a stream. */
function typedReason(link: Fields): FailureReason | undefined {
  for (const type of typesOf(link)) {
    const reason = reasonOfType(type, wordsOf(link));
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function wordsOf(link: Fields): string {
  return `${bodyWordsOf(link)} ${messageOf(link)}`;
}

/** A 2xx whose body could not be read as promised; clients call that "not retryable", yet the next answer may well be sound. */
function answeredButUnreadable(chain: readonly Fields[]): boolean {
  const first = chain[0];
  if (first === undefined) return false;
  const status = httpStatusOf(first);
  if (status === undefined || status < 200 || status > 299) return false;
  return chain
    .slice(1)
    .some((link) => read(link, 'name') === 'SyntaxError' || reasonOfName(read(link, 'name')) === 'invalid_output');
}

function wordReason(error: unknown, chain: readonly Fields[]): FailureReason | undefined {
  if (typeof error === 'string') return reasonOfWords(error);
  return firstDefined(chain, (link) => reasonOfWords(messageOf(link)));
}

function messageOf(link: Fields): string {
  const message = read(link, 'message');
  return typeof message === 'string' ? message.toLowerCase() : '';
}

function firstDefined<T>(chain: readonly Fields[], pick: (link: Fields) => T | undefined): T | undefined {
  for (const link of chain) {
    const found = pick(link);
    if (found !== undefined) return found;
  }
  return undefined;
}
