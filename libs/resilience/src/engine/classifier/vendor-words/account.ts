import { openAi, rows } from './row.js';

export const AUTH = rows('auth', [
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

export const QUOTA_USED_UP = rows('quota', [
  {
    vendor: 'OpenAI',
    source: 'https://platform.openai.com/docs/guides/error-codes',
    codes: 'insufficient_quota billing_hard_limit_reached billing_not_active',
    says: /check your plan and billing|exceeded your current quota|billing hard limit/,
    example: [
      429,
      openAi('You exceeded your current quota, please check your plan and billing details.', {
        type: 'insufficient_quota',
        code: 'insufficient_quota',
      }),
    ],
  },
  {
    vendor: 'Anthropic',
    source: 'https://docs.anthropic.com/en/api/rate-limits#spend-limits',
    codes: 'enforced_spend_limit_reached',
    says: /credit balance is too low|usage limits?\b.{0,120}regain access|specified api usage limits/,
    example: [
      400,
      {
        type: 'error',
        error: {
          type: 'invalid_request_error',
          message:
            'You have reached your specified API usage limits. You will regain access on 2099-01-01 at 00:00 UTC.',
        },
      },
    ],
  },
  {
    vendor: 'Gemini and Google Cloud',
    source: 'https://ai.google.dev/gemini-api/docs/billing',
    codes: 'quotaexceeded dailylimitexceeded billing_disabled',
    says: /prepay(?:ment)? credits are depleted|exceeded its (?:monthly )?spending cap/,
    also: [429],
    example: [
      429,
      { error: { code: 429, message: 'Your prepayment credits are depleted.', status: 'RESOURCE_EXHAUSTED' } },
    ],
  },
  {
    vendor: 'Azure OpenAI',
    source: 'https://learn.microsoft.com/azure/ai-services/openai/quotas-limits',
    says: /out of call volume quota/,
    example: [
      403,
      { error: { code: '403', message: 'Out of call volume quota. Quota will be replenished in 2 days.' } },
    ],
  },
  {
    vendor: 'OpenRouter',
    source: 'https://openrouter.ai/docs/api/reference/errors-and-debugging',
    codes: 'insufficient_credits',
    says: /key limit exceeded|requires more credits/,
    example: [403, { error: { code: 403, message: 'Key limit exceeded (total limit). Manage it in your settings.' } }],
  },
  {
    vendor: 'DeepSeek',
    source: 'https://api-docs.deepseek.com/quick_start/error_codes',
    codes: 'insufficient_balance',
    says: /insufficient balance/,
    only: [402],
    example: [402, openAi('Insufficient Balance', { type: 'unknown_error' })],
  },
  {
    vendor: 'xAI',
    source: 'https://docs.x.ai/docs/key-information/debugging',
    says: /(?:doesn't|does not) have any credits|used all available credits|reached its monthly spending limit/,
    also: [429],
    example: [
      429,
      {
        code: 'Some resource has been exhausted',
        error: 'Your team has either used all available credits or reached its monthly spending limit.',
      },
    ],
  },
  {
    vendor: 'Groq',
    source: 'https://console.groq.com/docs/spend-limits',
    codes: 'blocked_api_access',
    says: /spend(?:ing)? limit/,
    example: [400, openAi('Your organization has reached its spend limit.', { code: 'blocked_api_access' })],
  },
  {
    vendor: 'Fireworks',
    source: 'https://docs.fireworks.ai/guides/inference-error-codes',
    says: /suspended, possibly due to reaching the monthly spending limit|failure to pay past invoices/,
    example: [
      412,
      {
        error:
          'Account x is suspended, possibly due to reaching the monthly spending limit or failure to pay past invoices.',
      },
    ],
  },
  {
    vendor: 'Hugging Face',
    source: 'https://huggingface.co/docs/inference-providers/pricing',
    says: /exceeded your monthly included credits/,
    example: [402, { error: 'You have exceeded your monthly included credits for Inference Providers.' }],
  },
  {
    vendor: 'Cohere',
    source: 'https://docs.cohere.com/docs/rate-limits',
    says: /limited to \d+ api calls \/ month/,
    also: [429],
    example: [429, { message: 'You are using a Trial key, which is limited to 1000 API calls / month.' }],
  },
  {
    vendor: 'Moonshot (Kimi)',
    source: 'https://www.kimi.com/code/docs/en/kimi-code/error-reference.html',
    codes: 'exceeded_current_quota_error',
    says: /reached your usage limit for this (?:billing cycle|period)/,
    also: [429],
    example: [
      403,
      { error: { message: "You've reached your usage limit for this billing cycle.", type: 'access_terminated' } },
    ],
  },
  {
    vendor: 'DashScope (Qwen)',
    source: 'https://help.aliyun.com/en/model-studio/error-code',
    codes: 'arrearage allocationquota.freetieronly',
    says: /account is in good standing|free (?:tier|quota) .{0,40}(?:exhausted|used up)/,
    example: [
      400,
      {
        code: 'Arrearage',
        message: 'Access denied, please make sure your account is in good standing.',
        request_id: 'r',
      },
    ],
  },
  {
    vendor: 'MiniMax',
    source: 'https://platform.minimax.io/docs/api-reference/errorcode',
    codes: 'insufficient_balance_error',
    example: [
      429,
      { type: 'error', error: { type: 'insufficient_balance_error', message: 'insufficient balance (1008)' } },
    ],
  },
  {
    vendor: 'Baidu Qianfan',
    source: 'https://cloud.baidu.com/doc/WENXINWORKSHOP/s/tlmyncueh',
    says: /open api daily request limit reached/,
    example: [200, { error_code: 17, error_msg: 'Open api daily request limit reached' }],
  },
  {
    vendor: 'LiteLLM proxy',
    source: 'https://docs.litellm.ai/docs/proxy/users',
    codes: 'budget_exceeded',
    says: /budget has been exceeded|exceededbudget/,
    also: [429],
    example: [
      400,
      {
        error: {
          message: 'Budget has been exceeded! Current cost: 11, Max budget: 10',
          type: 'budget_exceeded',
          code: '400',
        },
      },
    ],
  },
  {
    vendor: 'Portkey, ZenMux and other gateways',
    source: 'https://docs.zenmux.ai/guide/advanced/error-codes.html',
    codes:
      'insufficient_credit reject_no_credit quote_exceeded quota_exceeded credit_balance_too_low request_limit_exceeded payment_required usage_limit_reached',
    example: [402, { error: { code: '402', type: 'reject_no_credit', message: 'Insufficient balance' } }],
  },
  {
    vendor: 'anybody who sells credits',
    source: 'https://docs.litellm.ai/docs/exception_mapping',
    says: /insufficient[_ ](?:quota|credits?)|credit balance|\b(?:quota|usage limit|spend(?:ing)? (?:limit|cap)|monthly limit|(?:included|free|remaining|available) credits|credits)\b.{0,40}\b(?:exceeded|reached|exhausted|depleted|used up|too low)|\b(?:exceeded|reached|exhausted|depleted|used (?:up|all)|(?:run|ran) out of|out of|insufficient)\b.{0,40}\b(?:quota|credits|usage limit|spend(?:ing)? (?:limit|cap))\b|\benable billing\b|\bcheck your billing\b/,
    example: [403, { error: { message: 'The free credits of this workspace are used up.' } }],
  },
]);
