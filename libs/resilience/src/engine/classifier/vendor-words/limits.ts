import { openAi, rows } from './row.js';

export const RATE_LIMITS = rows('rate_limit', [
  {
    vendor: 'Google, Slack',
    source: 'https://developers.google.com/drive/api/guides/handle-errors',
    codes: `ratelimitexceeded userratelimitexceeded concurrentlimitexceeded ratelimited rate_limited
      slack_webapi_rate_limited_error`,
    example: [
      403,
      { error: { code: 403, errors: [{ reason: 'userRateLimitExceeded', message: 'User Rate Limit Exceeded' }] } },
    ],
  },
  {
    vendor: 'Amazon Bedrock',
    source: 'https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html',
    says: /too many (?:tokens|requests),? please wait|model is getting throttled/,
    also: [503],
    example: [429, { message: 'Too many tokens, please wait before trying again.' }],
  },
  {
    vendor: 'Vertex AI, Gemini',
    source: 'https://github.com/cline/cline/issues/651',
    says: /aiplatform\.googleapis\.com\/\w+_per_(?:\w+_)?base_model|resource has been exhausted \(e\.g\. check quota\)/,
    also: [429],
    example: [
      429,
      {
        error: {
          code: 429,
          message:
            'Quota exceeded for aiplatform.googleapis.com/online_prediction_requests_per_base_model with base model: claude.',
          status: 'RESOURCE_EXHAUSTED',
        },
      },
    ],
  },
  {
    vendor: 'DashScope (Qwen)',
    source: 'https://help.aliyun.com/en/model-studio/error-code',
    codes: 'throttling throttling.ratequota throttling.allocationquota throttling.user limitrequests',
    example: [
      429,
      { code: 'Throttling.AllocationQuota', message: 'Allocated quota exceeded, please increase your quota limit.' },
    ],
  },
  {
    vendor: 'Baidu Qianfan',
    source: 'https://cloud.baidu.com/doc/WENXINWORKSHOP/s/tlmyncueh',
    says: /open api qps request limit reached/,
    example: [200, { error_code: 18, error_msg: 'Open api qps request limit reached' }],
  },
  {
    vendor: 'LiteLLM proxy',
    source: 'https://docs.litellm.ai/docs/proxy/reliability',
    says: /no deployments available for selected model|litellm\.ratelimiterror/,
    also: [500, 503],
    example: [
      429,
      { error: { message: 'No deployments available for selected model, Try again in 5 seconds.', code: '429' } },
    ],
  },
]);

export const OVERLOADS = rows('overloaded', [
  {
    vendor: 'Anthropic',
    source: 'https://docs.anthropic.com/en/api/errors',
    codes: 'overloaded_error',
    example: [529, { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }],
  },
  {
    vendor: 'OpenAI',
    source: 'https://platform.openai.com/docs/guides/error-codes',
    codes: 'server_overloaded server_is_overloaded engine_overloaded over_capacity nocapacity',
    example: [503, openAi('That model is currently overloaded with other requests.', { type: 'server_overloaded' })],
  },
  {
    vendor: 'OpenAI, a resource that is locked',
    source: 'https://platform.openai.com/docs/guides/error-codes',
    says: /\blocked\b.{0,60}try again|updated by another request|conflict.{0,60}(?:try again|retry)/,
    only: [409],
    example: [409, openAi('The resource is locked, try again')],
  },
  {
    vendor: 'Moonshot (Kimi)',
    source: 'https://platform.moonshot.ai/docs/api/chat',
    codes: 'engine_overloaded_error',
    example: [
      429,
      {
        error: {
          type: 'engine_overloaded_error',
          message: 'The engine is currently overloaded, please try again later',
        },
      },
    ],
  },
  {
    vendor: 'Groq, Mistral, Together',
    source: 'https://console.groq.com/docs/flex-processing',
    codes: 'capacity_exceeded service_tier_capacity_exceeded model_overloaded',
    says: /capacity exceeded/,
    only: [498],
    example: [498, openAi('Flex tier capacity exceeded', { code: 'capacity_exceeded' })],
  },
]);

export const UNUSABLE_OUTPUT = rows('invalid_output', [
  {
    vendor: 'Groq',
    source: 'https://console.groq.com/docs/structured-outputs',
    codes: 'json_validate_failed tool_use_failed output_parse_failed',
    example: [
      400,
      openAi("Failed to generate JSON. Please adjust your prompt. See 'failed_generation' for more details.", {
        code: 'json_validate_failed',
      }),
    ],
  },
]);
