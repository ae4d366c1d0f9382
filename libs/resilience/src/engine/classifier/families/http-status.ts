import type { FailureReason } from '../classification.js';
import type { Link } from '../link.js';
import { CONTENT, CONTEXT, OVERLOADED, PASSING_LIMIT, QUOTA } from '../words.js';
import { usedUp } from '../hints/reset-headers.js';
import { family, type Family } from './family.js';

const NAMED = family({
  name: 'HTTP status',
  shape:
    '`status`, `statusCode`, `response.status`, `$metadata.httpStatusCode`, `getStatus()`; of the error in the body where the answer is a 2xx or has none',
  sources: [
    'https://www.rfc-editor.org/rfc/rfc9110#section-15',
    'https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/',
    'https://shopify.dev/docs/api/usage/response-codes (430)',
    'https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html (424)',
  ],
  keysOf: (link) => [String(link.status), link.status === undefined || link.status < 500 ? '4xx' : '5xx'],
  rows: {
    auth: '401 407 511 525 526',
    quota: '402',
    permission: '403 451',
    not_found: '404 410',
    timeout: '408 504 522 524',
    rate_limit: '420 429 430',
    overloaded: '503 529',
    server_error: '424 425 5xx',
    bad_request: '4xx',
  },
});

export const HTTP_STATUS: Family = {
  ...NAMED,
  meaningOf: ({ status }) => (status !== undefined && status >= 400 ? status : undefined),
};

const OF_STATUS = (status: number) =>
  NAMED.rows.get(String(status)) ?? NAMED.rows.get(status < 500 ? '4xx' : '5xx') ?? 'unknown';

/** @param link for the words and headers of an answer whose status means several things */
export function reasonOfStatus(status: number, link: Link): FailureReason {
  const { words } = link;
  const plain = OF_STATUS(status) as FailureReason;
  if (plain === 'rate_limit') return limit(words);
  if (status === 403) return forbidden(link);
  if (plain === 'server_error') return OVERLOADED.test(words) ? 'overloaded' : plain;
  if (plain !== 'bad_request') return plain;
  if (CONTEXT.test(words)) return 'context_length';
  if (CONTENT.test(words)) return 'content_policy';
  return (status === 400 && BAD_REQUESTS.find(([pattern]) => pattern.test(words))?.[1]) || plain;
}

/** A 400 that is a matter of the account or the model. */
const BAD_REQUESTS: readonly (readonly [RegExp, FailureReason])[] = [
  [
    /api[ _-]?key (?:is )?(?:not valid|invalid|expired|not found)|invalid (?:api|authentication)[ _-]?(?:key|token)/,
    'auth',
  ],
  [/(?:location|country|region) is not supported|must be verified/, 'permission'],
  [
    /model.{0,80}(?:decommissioned|deprecated|not found|does not exist|not available|no longer)|invalid model/,
    'not_found',
  ],
  [/usage limits?\b.{0,80}regain access/, 'quota'],
  [QUOTA, 'quota'],
];

function limit(words: string): FailureReason {
  if (/insufficient[_ ]quota/.test(words)) return 'quota';
  return !PASSING_LIMIT.test(words) && QUOTA.test(words) ? 'quota' : 'rate_limit';
}

const LIMITED =
  /rate[ _-]?limit(?:s|ed)?\b.{0,60}\b(?:exceeded|reached|hit)|\b(?:exceeded|reached|hit|over|triggered)\b.{0,60}\b(?:rate[ _-]?limit|abuse detection)|rate[ _-]?limited|too many requests|slow down|throttl|per[ _-]?(?:second|minute|hour)\b/;

/** GitHub, Google and others answer 403 to who asks too often. https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api */
function forbidden({ words, headers }: Link): FailureReason {
  if (/\bflagged\b/.test(words)) return 'content_policy';
  if (LIMITED.test(words)) return 'rate_limit';
  if (QUOTA.test(words)) return 'quota';
  return usedUp(headers) || headers.has('retry-after') ? 'rate_limit' : 'permission';
}
