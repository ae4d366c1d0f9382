import { openAi, rows } from './row.js';

export const MODEL_GONE = rows('not_found', [
  {
    vendor: 'OpenAI',
    source: 'https://platform.openai.com/docs/deprecations',
    codes: 'model_not_found model_deprecated',
    says: /model\b.{0,80}has been deprecated/,
    example: [400, openAi('The model `text-davinci-003` has been deprecated.')],
  },
  {
    vendor: 'Groq',
    source: 'https://console.groq.com/docs/deprecations',
    codes: 'model_decommissioned model_not_active',
    says: /model\b.{0,80}has been decommissioned/,
    example: [
      400,
      openAi('The model `x` has been decommissioned and is no longer supported.', { code: 'model_decommissioned' }),
    ],
  },
  {
    vendor: 'Mistral',
    source: 'https://docs.mistral.ai/getting-started/models/models_overview/',
    codes: 'invalid_model',
    says: /\binvalid model\b/,
    example: [400, { object: 'error', message: 'Invalid model: mistral-tiny', type: 'invalid_model', code: '1500' }],
  },
  {
    vendor: 'Azure OpenAI',
    source: 'https://learn.microsoft.com/azure/ai-services/openai/how-to/switching-endpoints',
    codes: 'deploymentnotfound deployment_not_found operationnotsupported servicemodeldeprecated',
    says: /operation does not work with the specified model/,
    example: [
      400,
      {
        error: {
          code: 'OperationNotSupported',
          message: 'The chatCompletion operation does not work with the specified model, gpt-35.',
        },
      },
    ],
  },
  {
    vendor: 'Amazon Bedrock',
    source: 'https://repost.aws/knowledge-center/bedrock-validation-exception-errors',
    says: /model identifier is invalid|reached the end of its life|on-demand throughput isn.t supported/,
    example: [400, { message: "Invocation of model ID anthropic.x with on-demand throughput isn't supported." }],
  },
  {
    vendor: 'Together',
    source: 'https://github.com/HeyPuter/puter/issues/3168',
    codes: 'model_not_available dedicated_endpoint_not_running',
    says: /unable to access non-serverless model/,
    example: [
      400,
      openAi('Unable to access non-serverless model mistralai/Mistral-Small. Please create a dedicated endpoint.', {
        code: 'model_not_available',
      }),
    ],
  },
  {
    vendor: 'OpenRouter',
    source: 'https://openrouter.ai/docs/api/reference/errors-and-debugging',
    says: /is not a valid model id|no endpoints found (?:for|that)/,
    example: [400, { error: { code: 400, message: 'openai/gpt-9 is not a valid model ID' } }],
  },
  {
    vendor: 'Fireworks',
    source: 'https://docs.fireworks.ai/guides/inference-error-codes',
    says: /model not found, inaccessible, and\/or not deployed/,
    example: [404, { error: { message: 'Model not found, inaccessible, and/or not deployed', code: 'NOT_FOUND' } }],
  },
  {
    vendor: 'DeepSeek',
    source: 'https://api-docs.deepseek.com/quick_start/error_codes',
    says: /\bmodel not exist/,
    example: [400, openAi('Model Not Exist')],
  },
  {
    vendor: 'DashScope (Qwen)',
    source: 'https://help.aliyun.com/en/model-studio/error-code',
    codes: 'modelnotfound',
    example: [404, { code: 'ModelNotFound', message: 'Model can not be found.', request_id: 'r' }],
  },
  {
    vendor: 'GitHub Models, Copilot, Hugging Face',
    source: 'https://huggingface.co/docs/inference-providers/index',
    codes: 'unknown_model model_not_supported',
    says: /requested model\b.{0,80}is not supported/,
    example: [
      400,
      openAi("The requested model 'x' is not supported by any provider you have enabled.", {
        code: 'model_not_supported',
      }),
    ],
  },
  {
    vendor: 'Cloudflare Workers AI',
    source: 'https://developers.cloudflare.com/workers-ai/platform/errors/',
    says: /no such model/,
    example: [400, { success: false, errors: [{ code: 5007, message: 'No such model @cf/x or task' }] }],
  },
  {
    vendor: 'Ollama',
    source: 'https://github.com/ollama/ollama/blob/main/docs/api.md',
    says: /model\b.{0,80}not found, try pulling it first/,
    example: [404, { error: "model 'llama9' not found, try pulling it first" }],
  },
  {
    vendor: 'LiteLLM proxy',
    source: 'https://docs.litellm.ai/docs/proxy/configs',
    says: /invalid model name passed in|litellm\.notfounderror/,
    also: [500],
    example: [400, { error: { message: '/chat/completions: Invalid model name passed in model=x.', code: '400' } }],
  },
  {
    vendor: 'anybody who serves models, but not of what a model lacks',
    source: 'https://docs.litellm.ai/docs/exception_mapping',
    says: /^(?!.*(?:unsupported[_ ](?:parameter|value)|\bparameters?\b|response_format|json_schema|temperature|top_[pk]|max_\w*tokens|\btools?\b|function|\bstream|image|audio|reasoning|thinking|\bfield\b))(?=.*\b(?:model|deployment|engine)\b.{0,120}(?:not (?:be )?(?:found|exist|available|deployed|valid|recogni[sz]ed|enabled|supported)|(?:does not|doesn't) exist|no longer|decommissioned|deprecated|retired|discontinued|sunset|end[- ]of[- ]life|removed|shut down)|.*\b(?:unknown|unsupported|no such|nonexistent|retired|deprecated) (?:model|deployment|engine)\b)/s,
    only: [400, 403, 410, 422],
    example: [422, { detail: "Model 'command-light' was removed on 2025-09-15." }],
  },
]);
