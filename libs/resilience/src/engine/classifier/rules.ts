import type { FailureReason } from './classification.js';

const QUOTA = /insufficient[_ ](?:quota|credits?|funds|balance)|quota|billing|credit balance/;
/** Says itself that it passes: OpenAI's rate limits name the billing page, Gemini's speak of a quota per minute. */
const PASSING_LIMIT = /rate[_ -]limit|per[ _-]?(?:second|minute|min\b)|\b[rt]pm\b/;
const CONTEXT =
  /context[_ ]length|context[_ ]window|maximum context|prompt is too long|too many (?:input )?tokens|string_above_max_length/;
const CONTENT = /content[_ ]?(?:policy|filter|management)|safety (?:system|policy)|responsible[_ ]?ai/;
const OVERLOADED = /overloaded|over capacity|server_is_overloaded|engine.*busy/;

/** @param words lower-case codes and messages of the answer, for the few statuses that mean several things */
export function reasonOfStatus(status: number, words: string): FailureReason | undefined {
  if (status < 400) return undefined;
  switch (status) {
    case 401:
    case 407:
      return 'auth';
    case 402:
      return 'quota';
    case 403:
      return QUOTA.test(words) ? 'quota' : 'permission';
    case 404:
    case 410:
      return 'not_found';
    case 408:
    case 504:
      return 'timeout';
    case 425:
      return 'server_error';
    case 429:
      return limitOf(words);
    case 503:
    case 529:
      return 'overloaded';
  }
  if (status >= 500) return OVERLOADED.test(words) ? 'overloaded' : 'server_error';
  if (CONTEXT.test(words)) return 'context_length';
  if (CONTENT.test(words)) return 'content_policy';
  return QUOTA.test(words) && status === 400 ? 'quota' : 'bad_request';
}

function limitOf(words: string): FailureReason {
  if (/insufficient[_ ]quota/.test(words)) return 'quota';
  return !PASSING_LIMIT.test(words) && QUOTA.test(words) ? 'quota' : 'rate_limit';
}

const REASON_OF_CODE: Readonly<Record<string, FailureReason>> = {
  RESILIENCE_CIRCUIT_OPEN: 'circuit_open',
  RESILIENCE_BULKHEAD_FULL: 'bulkhead_full',
  RESILIENCE_RATE_LIMITED: 'rate_limit',
  RESILIENCE_TIMEOUT: 'timeout',
  RESILIENCE_SHUTDOWN: 'timeout',
  RESILIENCE_OPTIONS: 'bad_request',
  RESILIENCE_WORKFLOW_UNUSABLE_VALUE: 'bad_request',
  RESILIENCE_LLM_INVALID_ANSWER: 'invalid_output',
  RESILIENCE_LLM_ANSWER_TOO_LARGE: 'invalid_output',
  RESILIENCE_LLM_REFUSED: 'content_policy',
  ECONNRESET: 'network',
  ECONNREFUSED: 'network',
  ECONNABORTED: 'network',
  ENOTFOUND: 'network',
  EAI_AGAIN: 'network',
  EPIPE: 'network',
  EHOSTUNREACH: 'network',
  EHOSTDOWN: 'network',
  ENETUNREACH: 'network',
  ENETDOWN: 'network',
  ERR_NETWORK: 'network',
  ERR_STREAM_PREMATURE_CLOSE: 'network',
  ETIMEDOUT: 'timeout',
  ESOCKETTIMEDOUT: 'timeout',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout',
  UND_ERR_ABORTED: 'aborted',
  ABORT_ERR: 'aborted',
  ERR_CANCELED: 'aborted',
  EMFILE: 'resource',
  ENFILE: 'resource',
  ENOMEM: 'resource',
  ENOSPC: 'resource',
  EDQUOT: 'resource',
  EAGAIN: 'resource',
  insufficient_quota: 'quota',
  rate_limit_exceeded: 'rate_limit',
  context_length_exceeded: 'context_length',
  content_filter: 'content_policy',
  content_policy_violation: 'content_policy',
  invalid_api_key: 'auth',
};

/** Node's and undici's error codes, our own, and the providers' well-known ones. */
export function reasonOfCode(code: unknown): FailureReason | undefined {
  if (typeof code !== 'string') return undefined;
  const known = Object.hasOwn(REASON_OF_CODE, code) ? REASON_OF_CODE[code] : undefined;
  return known ?? (code.startsWith('UND_ERR_') ? 'network' : undefined);
}

/** What an OpenAI or Anthropic answer would have had as its status, had the error not come inside a stream that began with 200. */
const STATUS_OF_TYPE: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  insufficient_quota: 429,
  api_error: 500,
  server_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
};

/** @param words as for {@link reasonOfStatus} */
export function reasonOfType(type: unknown, words: string): FailureReason | undefined {
  if (typeof type !== 'string' || !Object.hasOwn(STATUS_OF_TYPE, type)) return undefined;
  return reasonOfStatus(STATUS_OF_TYPE[type] ?? 0, words);
}

const REASON_OF_NAME: Readonly<Record<string, FailureReason>> = {
  AbortError: 'aborted',
  CanceledError: 'aborted',
  TimeoutError: 'timeout',
  AI_JSONParseError: 'invalid_output',
  AI_TypeValidationError: 'invalid_output',
  AI_NoObjectGeneratedError: 'invalid_output',
  AI_InvalidResponseDataError: 'invalid_output',
  AI_EmptyResponseBodyError: 'invalid_output',
  AI_LoadAPIKeyError: 'auth',
};

export function reasonOfName(name: unknown): FailureReason | undefined {
  return typeof name === 'string' && Object.hasOwn(REASON_OF_NAME, name) ? REASON_OF_NAME[name] : undefined;
}

/** Tried in this order: "user not found: request timed out" is a timeout. */
const WORDS: readonly (readonly [RegExp, FailureReason])[] = [
  // The clients of OpenAI and Anthropic say this of a caller who left, and nothing else: no name, no code.
  [/^request was aborted\.?$/, 'aborted'],
  [/\btime[d]?[ -]?out\b|deadline exceeded/, 'timeout'],
  [QUOTA, 'quota'],
  [/rate[ _-]?limit|too many requests/, 'rate_limit'],
  [OVERLOADED, 'overloaded'],
  [
    /socket hang up|connection (?:reset|refused|closed|lost|terminated)|network error|fetch failed|getaddrinfo|^terminated$/,
    'network',
  ],
  [CONTEXT, 'context_length'],
  [CONTENT, 'content_policy'],
  [/\bin json at position|unexpected end of json|is not valid json/, 'invalid_output'],
  [/out of memory|no space left|too many open files/, 'resource'],
  [/internal server error|service unavailable|bad gateway/, 'server_error'],
  [/unauthori[sz]ed|unauthenticated|authentication|invalid (?:api[ _-]?key|credentials)/, 'auth'],
  [/forbidden|permission denied|access denied/, 'permission'],
  [/not found|does not exist/, 'not_found'],
  [/bad request|invalid (?:request|input|argument|parameter)|validation (?:failed|error)/, 'bad_request'],
];

/** The last resort. */
export function reasonOfWords(message: string): FailureReason | undefined {
  const text = message.slice(0, 2000).toLowerCase();
  return WORDS.find(([pattern]) => pattern.test(text))?.[1];
}
