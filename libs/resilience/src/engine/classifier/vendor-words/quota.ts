import { openAi, rows } from './row.js';

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
    says: /(?:doesn['’]t|does not) have any credits|used all available credits|reached its monthly spending limit/,
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
    vendor: 'Cloudflare Workers AI',
    source: 'https://developers.cloudflare.com/workers-ai/platform/errors/',
    says: /daily free allocation/,
    also: [429],
    example: [
      429,
      { errors: [{ message: 'you have used up your daily free allocation of 10,000 neurons', code: 4006 }] },
    ],
  },
  {
    vendor: 'Volcengine (Doubao)',
    source: 'https://volcengine.com/docs/82379/1299023',
    codes: 'accountoverdueerror',
    says: /your account has an overdue balance/,
    example: [
      403,
      {
        error: {
          code: 'AccountOverdueError',
          message: 'The request failed because your account has an overdue balance.',
        },
      },
    ],
  },
  {
    vendor: 'Amazon Bedrock',
    source: 'https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html',
    says: /your request exceeds the service quota for your account/,
    example: [
      400,
      {
        __type: 'ServiceQuotaExceededException',
        message: 'Your request exceeds the service quota for your account.',
      },
    ],
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
