import { family } from './family.js';

/** Codes that are exact, so that they are believed before the status beside them. */
export const VENDOR_CODES = family({
  name: 'Codes of web APIs',
  shape:
    '`code`, `type`, `reason`, `status` or `error` of the error or of an object in its body, in any case of letters',
  sources: [
    'https://platform.openai.com/docs/guides/error-codes',
    'https://ai.google.dev/gemini-api/docs/troubleshooting',
    'https://cloud.google.com/apis/design/errors',
    'https://developers.google.com/drive/api/guides/handle-errors',
    'https://learn.microsoft.com/azure/ai-services/openai/concepts/content-filter',
    'https://console.groq.com/docs/errors',
    'https://docs.mistral.ai',
    'https://openrouter.ai/docs/api-reference/errors',
    'https://help.aliyun.com/zh/model-studio/error-code',
    'https://platform.moonshot.ai/docs',
    'https://api.slack.com/web-api',
    'https://www.rfc-editor.org/rfc/rfc6749#section-5.2',
  ],
  keysOf: ({ tokens }) => tokens,
  rows: {
    quota: `insufficient_quota insufficient_credits insufficient_balance billing_hard_limit_reached billing_not_active billing_disabled
      exceeded_current_quota_error quotaexceeded dailylimitexceeded request_limit_exceeded arrearage payment_required`,
    rate_limit: `ratelimitexceeded userratelimitexceeded concurrentlimitexceeded ratelimited rate_limited
      slack_webapi_rate_limited_error`,
    // The words beside it tell a limit that passes from a quota that is spent.
    429: 'rate_limit_exceeded rate_limit_reached_error',
    overloaded: `overloaded_error server_overloaded server_is_overloaded engine_overloaded engine_overloaded_error model_overloaded
      capacity_exceeded service_tier_capacity_exceeded over_capacity nocapacity`,
    context_length: `context_length_exceeded context_window_exceeded exceed_context_size_error string_above_max_length
      model_max_prompt_tokens_exceeded max_prompt_tokens_exceeded context_limit_exceeded`,
    content_policy: `content_filter content_policy_violation content_filtered responsibleaipolicyviolation moderation_blocked
      data_inspection_failed prohibited_content`,
    auth: `invalid_api_key api_key_invalid api_key_expired invalidapikey incorrect_api_key invalid_grant invalid_client invalid_auth
      not_authed token_expired`,
    permission: `unsupported_country_region_territory service_disabled accessnotconfigured api_key_service_blocked insufficientpermissions
      access_token_scope_insufficient account_deactivated`,
    not_found: `model_not_found model_decommissioned model_deprecated model_not_available model_not_active invalid_model
      deploymentnotfound deployment_not_found`,
    invalid_output: 'json_validate_failed tool_use_failed output_parse_failed',
    network: 'request_send_error stripeconnectionerror',
  },
});

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
    413: 'request_too_large payload_too_large',
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
