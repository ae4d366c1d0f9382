import { openAi, rows } from './row.js';

export const CONTENT_POLICY = rows('content_policy', [
  {
    vendor: 'Volcengine (Doubao)',
    source: 'https://www.volcengine.com/docs/82379/1099476',
    codes: 'inputtextriskdetection inputimageriskdetection outputtextriskdetection inputtextsensitivecontentdetected',
    says: /(?:input|output) (?:text|image) (?:includes|may contain) sensitive/,
    example: [
      400,
      {
        error: {
          code: 'InputTextRiskDetection',
          message: 'The request could not be processed because the input text includes sensitive content.',
        },
      },
    ],
  },
  {
    vendor: 'OpenAI',
    source: 'https://platform.openai.com/docs/guides/safety-best-practices',
    codes: 'content_policy_violation moderation_blocked',
    says: /content[_ ]policy|result of our safety system/,
    example: [
      400,
      openAi('Your request was rejected as a result of our safety system.', { code: 'content_policy_violation' }),
    ],
  },
  {
    vendor: 'OpenAI, reasoning models',
    source: 'https://platform.openai.com/docs/guides/reasoning',
    codes: 'invalid_prompt',
    says: /flagged as potentially violating|violating our usage policy/,
    example: [
      400,
      openAi('Invalid prompt: your prompt was flagged as potentially violating our usage policy.', {
        code: 'invalid_prompt',
      }),
    ],
  },
  {
    vendor: 'Azure OpenAI',
    source: 'https://learn.microsoft.com/azure/ai-services/openai/concepts/content-filter',
    codes: 'content_filter responsibleaipolicyviolation content_filtered',
    says: /content management policy|content[_ ]?filter(?!\w*\s*configuration)/,
    example: [
      400,
      openAi("The response was filtered due to the prompt triggering Azure OpenAI's content management policy.", {
        code: 'content_filter',
        innererror: { code: 'ResponsibleAIPolicyViolation' },
      }),
    ],
  },
  {
    vendor: 'Anthropic',
    source: 'https://docs.anthropic.com/en/api/errors',
    says: /blocked by content filtering policy/,
    example: [
      400,
      {
        type: 'error',
        error: { type: 'invalid_request_error', message: 'Output blocked by content filtering policy' },
      },
    ],
  },
  {
    vendor: 'Gemini and Vertex AI',
    source: 'https://ai.google.dev/gemini-api/docs/safety-settings',
    codes: 'prohibited_content',
    says: /block_?reason|responsible ai practices|safety (?:settings|policy|filter|reasons)/,
    example: [400, { error: { code: 400, message: 'The prompt was blocked. block_reason: SAFETY' } }],
  },
  {
    vendor: 'OpenRouter, an input that was flagged',
    source: 'https://openrouter.ai/docs/api/reference/errors-and-debugging',
    codes: 'flagged_input',
    says: /(?:input|prompt|content|messages?|request|text|image)s? (?:was|were|is|has been|have been) flagged|flagged (?:by|for|as) .{0,40}(?:moderation|safety|policy|content|violence|sexual|hate|harm)/,
    example: [
      403,
      {
        error: {
          code: 403,
          message: 'Your chosen model requires moderation and your input was flagged',
          metadata: { reasons: ['violence'], flagged_input: '...', provider_name: 'OpenAI' },
        },
      },
    ],
  },
  {
    vendor: 'xAI',
    source: 'https://docs.x.ai/docs/key-information/debugging',
    says: /violates usage guidelines|safety_check_type/,
    example: [
      403,
      {
        code: 'The caller does not have permission to execute the specified operation',
        error: 'Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO',
      },
    ],
  },
  {
    vendor: 'DeepSeek',
    source: 'https://github.com/deepseek-ai/DeepSeek-V3/issues',
    says: /content exists risk/,
    example: [400, openAi('Content Exists Risk')],
  },
  {
    vendor: 'DashScope (Qwen)',
    source: 'https://help.aliyun.com/en/model-studio/error-code',
    codes: 'data_inspection_failed datainspectionfailed',
    says: /inappropriate content/,
    example: [
      400,
      { code: 'DataInspectionFailed', message: 'Input data may contain inappropriate content.', request_id: 'r' },
    ],
  },
  {
    vendor: 'Moonshot (Kimi)',
    source: 'https://platform.moonshot.ai/docs/api/chat',
    says: /considered high risk/,
    example: [
      400,
      { error: { type: 'content_filter', message: 'The request was rejected because it was considered high risk' } },
    ],
  },
  {
    vendor: 'Zhipu (GLM)',
    source: 'https://docs.z.ai/api-reference/api-code',
    says: /unsafe or sensitive content/,
    example: [
      400,
      {
        error: {
          code: '1301',
          message: 'System detected potentially unsafe or sensitive content in input or generation',
        },
      },
    ],
  },
  {
    vendor: 'MiniMax',
    source: 'https://platform.minimax.io/docs/api-reference/errorcode',
    says: /(?:input|output) new_sensitive/,
    example: [200, { base_resp: { status_code: 1026, status_msg: 'input new_sensitive' } }],
  },
  {
    vendor: 'ZenMux',
    source: 'https://docs.zenmux.ai/guide/advanced/error-codes.html',
    codes: 'safety_check_failed',
    example: [
      403,
      { error: { code: '403', type: 'safety_check_failed', message: 'Upstream safety policy triggered' } },
    ],
  },
  {
    vendor: 'LiteLLM proxy',
    source: 'https://docs.litellm.ai/docs/exception_mapping',
    says: /contentpolicyviolationerror/,
    example: [400, openAi('litellm.ContentPolicyViolationError: no', { type: null, code: '400' })],
  },
  {
    vendor: 'anybody with a moderation or a guardrail',
    source: 'https://docs.litellm.ai/docs/proxy/guardrails/quick_start',
    says: /\b(?:violat\w+|against)\b.{0,60}\b(?:usage|content|safety|moderation|acceptable use|community)\b.{0,10}(?:polic|guideline|rule|standard)|(?:blocked|rejected|refused|denied|filtered|stopped) (?:by|due to|because of) .{0,60}(?:safety|moderation|guardrail|content (?:polic|filter|moderation|safety|rules))|\b(?:unsafe|harmful|offensive|disallowed|sexual|violent) content|prompt injection/,
    only: [400, 403, 422, 451],
    example: [400, { detail: { error: 'Violated guardrail policy', message: 'Request blocked by guardrail: pii' } }],
  },
]);
