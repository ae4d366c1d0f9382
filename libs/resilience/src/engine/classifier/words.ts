import type { FailureReason } from './classification.js';

export const QUOTA = /insufficient[_ ](?:quota|credits?|funds|balance)|quota|billing|credit balance/;
/** Says itself that it passes: OpenAI's rate limits name the billing page, Gemini's speak of a quota per minute. */
export const PASSING_LIMIT = /rate[_ -]limit|per[ _-]?(?:second|minute|min\b)|\b[rt]pm\b/;
export const CONTEXT =
  /context[_ ](?:length|window|limit|size)|maximum context|(?:prompt|input) is too long|too many (?:input )?tokens|string_above_max_length|input token count|maximum prompt length|exceed_context_size|request too large for model|reduce the length of the (?:messages|prompt)/;
export const CONTENT =
  /content[_ ]?(?:policy|filter|management)|safety (?:system|policy)|responsible[_ ]?ai|flagged|block_reason|invalid_prompt/;
export const OVERLOADED = /overloaded|over capacity|server_is_overloaded|engine.*busy/;

/** Tried in this order: "user not found: request timed out" is a timeout. */
const WORDS: readonly (readonly [RegExp, FailureReason | 'abort'])[] = [
  // The clients of OpenAI and Anthropic say this of an abort, and nothing else: no name, no code.
  [/^request was aborted\.?$/, 'abort'],
  [/\btime[d]?[ -]?out\b|deadline exceeded/, 'timeout'],
  [QUOTA, 'quota'],
  [/rate[ _-]?limit|too many requests/, 'rate_limit'],
  [OVERLOADED, 'overloaded'],
  [
    /socket hang up|connection (?:is |was )?(?:reset|refused|closed|lost|terminated|error)|network error|fetch failed|getaddrinfo|^terminated$/,
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

/** The last resort. @param message in lower case */
export function reasonOfWords(message: string): FailureReason | 'abort' | undefined {
  return WORDS.find(([pattern]) => pattern.test(message))?.[1];
}
