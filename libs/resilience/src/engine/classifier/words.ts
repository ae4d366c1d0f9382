import type { FailureReason } from './classification.js';
import { vendorReason } from './vendor-words/index.js';

/** What a limit says that is spent. Only where it is known to be a limit: "billing" alone may be an address. */
export const SPENT = /insufficient[_ ](?:quota|credits?|funds|balance)|quota|billing|credit balance|\bcredits\b/;
/** Says itself that it passes: OpenAI's rate limits name the billing page, Gemini's speak of a quota per minute. */
export const PASSING_LIMIT = /rate[_ -]?limit|per[ _-]?(?:second|minute|min\b)|\b[rt]pm\b|too many requests/;
export const OVERLOADED = /overloaded|over capacity|server_is_overloaded|engine.*busy/;

type Words = readonly (readonly [RegExp, FailureReason | 'abort'])[];

/** "user not found: request timed out" is a timeout. */
const FIRST: Words = [
  // The clients of OpenAI and Anthropic say this of an abort, and nothing else: no name, no code.
  [/^request was aborted\.?$/, 'abort'],
  [/\btime[d]?[ -]?out\b|deadline exceeded/, 'timeout'],
  [/disk quota/, 'resource'],
];

/** What nobody's vendor said. */
const LAST: Words = [
  [/rate[ _-]?limit|too many requests/, 'rate_limit'],
  [/(?:out of|no more|insufficient|exceeded?) (?:\w+ ){0,3}quota|quota (?:\w+ )?exceeded/, 'quota'],
  [OVERLOADED, 'overloaded'],
  [
    /socket hang up|connection (?:is |was )?(?:reset|refused|closed|lost|terminated|error)|network error|fetch failed|getaddrinfo|^terminated$/,
    'network',
  ],
  [/\bin json at position|unexpected end of json|is not valid json/, 'invalid_output'],
  [/out of memory|no space left|too many open files/, 'resource'],
  [/internal server error|service unavailable|bad gateway/, 'server_error'],
  [/unauthori[sz]ed|unauthenticated|authentication|invalid (?:api[ _-]?key|credentials)/, 'auth'],
  [/forbidden|permission denied|access denied/, 'permission'],
  [/not found|does not exist/, 'not_found'],
  [/bad request|invalid (?:request|input|argument|parameter)|validation (?:failed|error)/, 'bad_request'],
];

/** The last resort. @param message in lower case */
export function reasonOfWords(message: string): FailureReason | 'abort' | undefined {
  return firstOf(FIRST, message) ?? vendorReason(message) ?? firstOf(LAST, message);
}

function firstOf(words: Words, message: string): FailureReason | 'abort' | undefined {
  return words.find(([pattern]) => pattern.test(message))?.[1];
}
