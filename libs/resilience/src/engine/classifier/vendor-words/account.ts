import { openAi, rows } from './row.js';

export const AUTH = rows('auth', [
  {
    vendor: 'Gemini, a key that was found in public',
    source: 'https://github.com/continuedev/continue/issues/11541',
    says: /api key was reported as leaked/,
    example: [
      403,
      {
        error: {
          code: 403,
          message: 'Your API key was reported as leaked. Please use another API key.',
          status: 'PERMISSION_DENIED',
        },
      },
    ],
  },
  {
    vendor: 'Amazon, a wrong secret',
    source: 'https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html',
    codes: 'invalidsignatureexception signaturedoesnotmatch',
    says: /request signature we calculated does not match/,
    example: [403, { message: 'The request signature we calculated does not match the signature you provided.' }],
  },
  {
    vendor: 'OpenAI',
    source: 'https://platform.openai.com/docs/guides/error-codes',
    codes: 'invalid_api_key incorrect_api_key',
    says: /incorrect api key/,
    example: [401, openAi('Incorrect API key provided: sk-****.', { code: 'invalid_api_key' })],
  },
  {
    vendor: 'xAI',
    source: 'https://docs.x.ai/docs/key-information/debugging',
    says: /incorrect api key/,
    example: [
      400,
      { code: 'Client specified an invalid argument', error: 'Incorrect API key provided: xa***. You can obtain one.' },
    ],
  },
  {
    vendor: 'Gemini',
    source: 'https://ai.google.dev/gemini-api/docs/troubleshooting',
    codes: 'api_key_invalid api_key_expired',
    says: /api key (?:not (?:valid|found)|expired)/,
    example: [
      400,
      {
        error: {
          code: 400,
          message: 'API key not valid. Please pass a valid API key.',
          status: 'INVALID_ARGUMENT',
          details: [{ reason: 'API_KEY_INVALID' }],
        },
      },
    ],
  },
  {
    vendor: 'Anthropic',
    source: 'https://docs.anthropic.com/en/api/errors',
    says: /invalid x-api-key/,
    example: [401, { type: 'error', error: { type: 'authentication_error', message: 'invalid x-api-key' } }],
  },
  {
    vendor: 'Amazon Bedrock',
    source: 'https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html',
    says: /security token included in the request is (?:invalid|expired)|bearer token has expired/,
    example: [403, { message: 'The security token included in the request is invalid.' }],
  },
  {
    vendor: 'DashScope (Qwen)',
    source: 'https://help.aliyun.com/en/model-studio/error-code',
    codes: 'invalidapikey',
    example: [401, { code: 'InvalidApiKey', message: 'Invalid API-key provided.', request_id: 'r' }],
  },
  {
    vendor: 'MiniMax',
    source: 'https://platform.minimax.io/docs/api-reference/errorcode',
    says: /login fail: please carry the api secret key/,
    example: [200, { base_resp: { status_code: 1004, status_msg: 'login fail: Please carry the API secret key' } }],
  },
  {
    vendor: 'LiteLLM proxy',
    source: 'https://docs.litellm.ai/docs/proxy/virtual_keys',
    says: /invalid proxy server token|litellm\.authenticationerror/,
    also: [500],
    example: [
      400,
      { error: { message: 'Authentication Error, Invalid proxy server token passed.', type: 'token_not_found_in_db' } },
    ],
  },
  {
    vendor: 'OAuth, Slack',
    source: 'https://www.rfc-editor.org/rfc/rfc6749#section-5.2',
    codes: 'invalid_grant invalid_client invalid_auth not_authed token_expired',
    example: [400, { error: 'invalid_grant', error_description: 'Token has been expired or revoked.' }],
  },
  {
    vendor: 'anybody with API keys',
    source: 'https://www.rfc-editor.org/rfc/rfc9110#section-15.5.1',
    says: /\b(?:api[ _-]?key|secret key|bearer token)\b.{0,40}\b(?:not valid|invalid|expired|incorrect|wrong|missing|revoked|disabled|deactivated|unknown|malformed|required)\b|\b(?:invalid|incorrect|expired|missing|no|wrong|unknown|revoked|malformed|bad)\b.{0,20}\b(?:x-)?(?:api[ _-]?key|secret key|bearer token)\b/,
    only: [400, 403, 404, 422],
    example: [403, { error: { message: 'The API key you provided is invalid.' } }],
  },
]);

export const PERMISSION = rows('permission', [
  {
    vendor: 'OpenAI',
    source: 'https://help.openai.com/en/articles/10910291-api-organization-verification',
    says: /must be verified/,
    example: [400, openAi('Your organization must be verified to stream this model.', { param: 'stream' })],
  },
  {
    vendor: 'OpenAI, a country without service',
    source: 'https://platform.openai.com/docs/supported-countries',
    codes: 'unsupported_country_region_territory account_deactivated',
    says: /country, region, or territory not supported/,
    example: [
      403,
      openAi('Country, region, or territory not supported', {
        type: 'request_forbidden',
        code: 'unsupported_country_region_territory',
      }),
    ],
  },
  {
    vendor: 'Gemini, a country without service',
    source: 'https://ai.google.dev/gemini-api/docs/available-regions',
    says: /user location is not supported|not available in your (?:country|region|location)/,
    example: [
      400,
      {
        error: { code: 400, message: 'User location is not supported for the API use.', status: 'FAILED_PRECONDITION' },
      },
    ],
  },
  {
    vendor: 'Google Cloud',
    source: 'https://cloud.google.com/apis/design/errors#error_info',
    codes:
      'service_disabled accessnotconfigured api_key_service_blocked access_token_scope_insufficient insufficientpermissions',
    example: [
      403,
      {
        error: {
          code: 403,
          message: 'Generative Language API has not been used in project 1 before or it is disabled.',
          status: 'PERMISSION_DENIED',
          details: [{ reason: 'SERVICE_DISABLED' }],
        },
      },
    ],
  },
  {
    vendor: 'Anthropic',
    source: 'https://github.com/anthropics/claude-code/issues/9384',
    says: /organization has been (?:disabled|restricted|suspended)/,
    example: [
      400,
      { type: 'error', error: { type: 'invalid_request_error', message: 'This organization has been disabled.' } },
    ],
  },
  {
    vendor: 'Groq',
    source: 'https://console.groq.com/docs/errors',
    codes: 'organization_restricted model_terms_required model_permission_blocked_org model_permission_blocked_project',
    says: /requires terms acceptance/,
    example: [400, openAi('The model `playai-tts` requires terms acceptance.', { code: 'model_terms_required' })],
  },
  {
    vendor: 'Amazon Bedrock',
    source: 'https://repost.aws/knowledge-center/bedrock-invokemodel-api-error',
    says: /not authorized to invoke this api operation|don't have access to the model|use case details have not been submitted/,
    example: [400, { message: 'Your account is not authorized to invoke this API operation.' }],
  },
  {
    vendor: 'OpenRouter',
    source: 'https://openrouter.ai/docs/guides/privacy/provider-logging',
    says: /no endpoints found matching your data policy/,
    example: [404, { error: { code: 404, message: 'No endpoints found matching your data policy.' } }],
  },
  {
    vendor: 'DashScope (Qwen)',
    source: 'https://help.aliyun.com/en/model-studio/error-code',
    codes: 'accessdenied.unpurchased model.accessdenied workspace.accessdenied',
    example: [403, { code: 'AccessDenied.Unpurchased', message: 'Access to model denied.', request_id: 'r' }],
  },
]);
