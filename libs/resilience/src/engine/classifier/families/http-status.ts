import type { FailureReason } from '../classification.js';
import type { Link } from '../link.js';
import { vendorReasonAt } from '../vendor-words/index.js';
import { OVERLOADED, PASSING_LIMIT, SPENT } from '../words.js';
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
    // A client that does not follow a redirect throws it: what was asked for is elsewhere.
    not_found: '404 410 301 302 303 307 308',
    timeout: '408 504 522 524',
    rate_limit: '420 429 430',
    overloaded: '503 529',
    server_error: '424 425 5xx',
    bad_request: '4xx',
  },
});

export const HTTP_STATUS: Family = {
  ...NAMED,
  meaningOf: ({ status }) =>
    status !== undefined && (status >= 400 || NAMED.rows.has(String(status))) ? status : undefined,
};

const OF_STATUS = (status: number) =>
  NAMED.rows.get(String(status)) ?? NAMED.rows.get(status < 500 ? '4xx' : '5xx') ?? 'unknown';

/** @param link for the words and headers of an answer whose status means several things */
export function reasonOfStatus(status: number, link: Link): FailureReason {
  const { words } = link;
  const plain = OF_STATUS(status) as FailureReason;
  const told = vendorReasonAt(status, words, AMBIGUOUS.includes(plain));
  // Google's 403 speaks of a quota per minute.
  if (told === 'quota' && plain === 'permission' && PASSING_LIMIT.test(words)) return 'rate_limit';
  if (told !== undefined) return told;
  if (plain === 'rate_limit') return !PASSING_LIMIT.test(words) && SPENT.test(words) ? 'quota' : plain;
  if (plain === 'permission') return forbidden(link);
  if (plain === 'server_error' && OVERLOADED.test(words)) return 'overloaded';
  return plain;
}

/** A 400 may be a matter of the account or the model, a 403 of the text, a 404 of the contract. */
const AMBIGUOUS: readonly FailureReason[] = ['bad_request', 'permission', 'not_found'];

const LIMITED =
  /rate[ _-]?limit(?:s|ed)?\b.{0,60}\b(?:exceeded|reached|hit)|\b(?:exceeded|reached|hit|over|triggered)\b.{0,60}\b(?:rate[ _-]?limit|abuse detection)|rate[ _-]?limited|too many requests|slow down|throttl|per[ _-]?(?:second|minute|hour)\b/;

/** GitHub, Google and others answer 403 to who asks too often. https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api */
function forbidden({ words, headers }: Link): FailureReason {
  return LIMITED.test(words) || usedUp(headers) || headers.has('retry-after') ? 'rate_limit' : 'permission';
}
