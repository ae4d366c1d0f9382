import type { FailureReason } from '../classification.js';
import { VENDOR_WORDS, type VendorWords } from '../vendor-words/index.js';
import { family } from './family.js';

const CODED = VENDOR_WORDS.filter((row): row is VendorWords & { readonly codes: string } => row.codes !== undefined);

/** Codes that are exact, so that they are believed before the status beside them. */
export const VENDOR_CODES = family({
  name: 'Codes of web APIs',
  shape:
    '`code`, `type`, `reason`, `status` or `error` of the error or of an object in its body, in any case of letters. Those of models stand with their vendors in [vendor words](vendor-words.md)',
  sources: [...new Set(CODED.map(({ source }) => source)), 'https://docs.stripe.com/error-codes'],
  keysOf: ({ tokens }) => tokens,
  rows: {
    ...codesByReason(),
    // The words beside it tell a limit that passes from a quota that is spent.
    429: 'rate_limit_exceeded rate_limit_reached_error',
    // A card that is refused is the buyer's affair: no outage, and no quota of ours.
    bad_request: `card_error card_declined stripecarderror expired_card incorrect_cvc incorrect_number insufficient_funds
      authentication_required do_not_honor`,
    network: 'request_send_error stripeconnectionerror',
  },
});

function codesByReason(): Partial<Record<FailureReason, string>> {
  const codes: Partial<Record<FailureReason, string>> = {};
  for (const row of CODED) codes[row.reason] = `${codes[row.reason] ?? ''} ${row.codes}`;
  return codes;
}

/** What an answer would have had as its status, for errors that come without one: inside a stream that began with 200, in GraphQL, tRPC. */
export const TYPES = family({
  name: 'Types that stand for a status',
  shape: 'as above, asked after the status',
  sources: [
    'https://platform.openai.com/docs/guides/error-codes',
    'https://docs.anthropic.com/en/api/errors',
    'https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto',
    'https://connectrpc.com/docs/protocol/#error-codes',
    'https://trpc.io/docs/server/error-handling',
    'https://www.apollographql.com/docs/apollo-server/data/errors',
  ],
  keysOf: ({ tokens }) => tokens,
  rows: {
    400: `invalid_request_error invalid_argument failed_precondition out_of_range badrequesterror bad_request bad_user_input
      invalid_request already_exists conflict`,
    401: 'authentication_error unauthenticated unauthorized authenticationerror',
    402: 'billing_error',
    403: 'permission_error permission_denied forbidden permissiondeniederror',
    404: 'not_found_error not_found notfounderror',
    413: 'payload_too_large',
    429: 'rate_limit_error resource_exhausted too_many_requests ratelimiterror',
    500: 'api_error server_error internal_server_error internalservererror data_loss internal_error',
    503: 'unavailable service_unavailable',
    504: 'timeout_error deadline_exceeded gateway_timeout',
    bad_request: 'unimplemented not_implemented',
    aborted: 'cancelled client_closed_request',
  },
});

export const AI_SDK = family({
  name: 'AI SDK',
  shape: 'a `name` that begins with `AI_`. `AI_APICallError` is read by its status, `AI_RetryError` by what it wraps',
  sources: ['https://ai-sdk.dev/docs/reference/ai-sdk-errors'],
  keysOf: ({ name }) => (name?.startsWith('AI_') === true ? [name] : undefined),
  rows: {
    invalid_output: `AI_JSONParseError AI_TypeValidationError AI_NoObjectGeneratedError AI_NoOutputGeneratedError AI_NoContentGeneratedError
      AI_NoImageGeneratedError AI_NoSpeechGeneratedError AI_NoTranscriptGeneratedError AI_NoVideoGeneratedError AI_InvalidResponseDataError
      AI_EmptyResponseBodyError AI_InvalidStreamPartError AI_InvalidToolInputError AI_NoSuchToolError AI_ToolCallRepairError
      AI_ToolChoiceViolationError AI_UIMessageStreamError`,
    network: 'AI_DownloadError',
    auth: 'AI_LoadAPIKeyError',
    not_found: 'AI_NoSuchModelError AI_NoSuchProviderError',
    bad_request: `AI_InvalidArgumentError AI_InvalidPromptError AI_InvalidDataContentError AI_InvalidMessageRoleError AI_LoadSettingError
      AI_MessageConversionError AI_MissingToolResultsError AI_TooManyEmbeddingValuesForCallError AI_UnsupportedFunctionalityError
      AI_UnsupportedModelVersionError AI_InvalidToolApprovalError AI_InvalidToolApprovalSignatureError
      AI_ToolCallNotFoundForApprovalError`,
  },
});
