import { openAi, rows } from './row.js';

export const CONTEXT_LENGTH = rows('context_length', [
  {
    vendor: 'OpenAI',
    source: 'https://platform.openai.com/docs/guides/error-codes',
    codes: 'context_length_exceeded context_window_exceeded context_limit_exceeded',
    says: /maximum context|context[_ ](?:length|window|limit)[_ ]exceeded|exceeds? (?:the|this model's) context (?:window|length)/,
    example: [
      400,
      openAi("This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."),
    ],
  },
  {
    vendor: 'OpenAI, a text beyond 10 MiB',
    source: 'https://community.openai.com/t/invalid-messages-0-content-string-too-long/1017470',
    says: /invalid '(?:messages|input|prompt)[^']*': string too long/,
    example: [
      400,
      openAi("Invalid 'messages[0].content': string too long. Expected a string with maximum length 10485760."),
    ],
  },
  {
    vendor: 'OpenAI and Groq, more than a whole minute allows',
    source: 'https://console.groq.com/docs/errors',
    says: /request too large for (?:model |gpt|o\d)/,
    also: [429],
    example: [
      413,
      openAi(
        'Request too large for model `llama-3.1-8b-instant` on tokens per minute (TPM): Limit 6000, Requested 9000',
        { type: 'tokens', code: 'rate_limit_exceeded' },
      ),
    ],
  },
  {
    vendor: 'Azure OpenAI',
    source: 'https://github.com/BerriAI/litellm/issues/15968',
    says: /input tokens exceed the configured limit/,
    example: [400, openAi('Input tokens exceed the configured limit of 272000 tokens.', { code: 'BadRequest' })],
  },
  {
    vendor: 'Anthropic',
    source: 'https://docs.anthropic.com/en/api/errors',
    codes: 'prompt_too_long',
    says: /prompt is too long|exceed context limit/,
    example: [
      400,
      {
        type: 'error',
        error: { type: 'invalid_request_error', message: 'prompt is too long: 210000 tokens > 200000' },
      },
    ],
  },
  {
    vendor: 'Anthropic, a body beyond 32 MB',
    source: 'https://docs.anthropic.com/en/api/errors#request-size-limits',
    codes: 'request_too_large',
    example: [
      413,
      { type: 'error', error: { type: 'request_too_large', message: 'Request exceeds the maximum size' } },
    ],
  },
  {
    vendor: 'Gemini',
    source: 'https://ai.google.dev/gemini-api/docs/troubleshooting',
    says: /input token count.{0,60}exceeds the maximum|exceeds the maximum number of tokens allowed/,
    example: [
      400,
      {
        error: {
          code: 400,
          message: 'The input token count (1200293) exceeds the maximum number of tokens allowed (1048576).',
          status: 'INVALID_ARGUMENT',
        },
      },
    ],
  },
  {
    vendor: 'Vertex AI',
    source: 'https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/api-errors',
    says: /input token count is \d+ but (?:the )?model only supports up to/,
    example: [
      400,
      {
        error: {
          code: 400,
          message:
            'Unable to submit request because the input token count is 40000 but model only supports up to 32768.',
          status: 'INVALID_ARGUMENT',
        },
      },
    ],
  },
  {
    vendor: 'Amazon Bedrock',
    source: 'https://repost.aws/knowledge-center/bedrock-validation-exception-errors',
    says: /input is too long for (?:the )?(?:requested )?model|prompt tokens \(\d+\) exceed model maximum|expected maxlength: \d+, actual: \d+/,
    example: [400, { message: 'Input is too long for requested model.' }],
  },
  {
    vendor: 'Mistral',
    source: 'https://docs.mistral.ai/api/',
    says: /too large for model with \d+ maximum/,
    example: [
      400,
      {
        object: 'error',
        message:
          'Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length',
        type: 'invalid_request_error',
        code: 3051,
      },
    ],
  },
  {
    vendor: 'Cohere',
    source: 'https://docs.cohere.com/reference/errors',
    says: /too many (?:input )?tokens(?!,? please wait)/,
    example: [400, { message: 'too many tokens: total number of tokens in the prompt cannot exceed 4081' }],
  },
  {
    vendor: 'xAI',
    source: 'https://docs.x.ai/docs/key-information/debugging',
    says: /maximum prompt length/,
    example: [
      400,
      {
        code: 'Client specified an invalid argument',
        error: "This model's maximum prompt length is 131072 but the request contains 140000 tokens.",
      },
    ],
  },
  {
    vendor: 'Groq',
    source: 'https://console.groq.com/docs/errors',
    says: /reduce the length of the (?:messages|prompt|conversation|input)/,
    example: [400, openAi('Please reduce the length of the messages or completion.')],
  },
  {
    vendor: 'Together',
    source: 'https://docs.together.ai/docs/error-codes',
    says: /`inputs` tokens \+ `max_new_tokens` must be|input token count \+ (?:`?max_tokens`?|max_tokens parameter) must be less/,
    example: [422, openAi('Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8193. Given: 9000')],
  },
  {
    vendor: 'Text Generation Inference',
    source: 'https://github.com/huggingface/text-generation-inference',
    says: /`inputs` must have less than \d+ tokens/,
    example: [
      422,
      {
        error: 'Input validation error: `inputs` must have less than 4095 tokens. Given: 5000',
        error_type: 'validation',
      },
    ],
  },
  {
    vendor: 'Perplexity',
    source: 'https://github.com/BerriAI/litellm/pull/21647',
    says: /length of all messages is too long/,
    example: [400, openAi('The total length of all messages is too long.', { type: 'bad_request', code: 400 })],
  },
  {
    vendor: 'Cerebras',
    source: 'https://github.com/BerriAI/litellm/blob/main/litellm/litellm_core_utils/exception_mapping_utils.py',
    says: /current length is \d+ while limit is \d+/,
    example: [
      400,
      { message: 'Please reduce the input. Current length is 9000 while limit is 8192', type: 'invalid_request_error' },
    ],
  },
  {
    vendor: 'vLLM',
    source: 'https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html',
    says: /longer than the maximum model length|is too long and exceeds limit/,
    example: [
      400,
      {
        object: 'error',
        message: 'The decoder prompt (length 5000) is longer than the maximum model length of 4096.',
        type: 'BadRequestError',
        code: 400,
      },
    ],
  },
  {
    vendor: 'SGLang',
    source: 'https://github.com/BerriAI/litellm/issues/10793',
    says: /longer than the model's context length/,
    example: [
      400,
      {
        object: 'error',
        message: "The input (9000 tokens) is longer than the model's context length (8192 tokens).",
        code: 400,
      },
    ],
  },
  {
    vendor: 'llama.cpp',
    source: 'https://github.com/ggml-org/llama.cpp/tree/master/tools/server',
    codes: 'exceed_context_size_error',
    says: /exceeds? the available context size/,
    also: [500],
    example: [
      400,
      {
        error: {
          code: 400,
          message: 'the request exceeds the available context size, try increasing it',
          type: 'exceed_context_size_error',
          n_prompt_tokens: 9000,
          n_ctx: 8192,
        },
      },
    ],
  },
  {
    vendor: 'LM Studio',
    source: 'https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues',
    says: /greater than the context length|loaded with (?:a )?context length of only/,
    example: [
      400,
      {
        error:
          'The number of tokens to keep from the initial prompt is greater than the context length. Try to load the model with a larger context length.',
      },
    ],
  },
  {
    vendor: 'Ollama',
    source: 'https://github.com/ollama/ollama/blob/main/docs/api.md',
    says: /prompt too long; exceeded|input length exceeds (?:the )?(?:maximum )?context length/,
    also: [500],
    example: [400, { error: 'prompt too long; exceeded max context length by 812 tokens' }],
  },
  {
    vendor: 'Moonshot (Kimi)',
    source: 'https://github.com/MoonshotAI/kimi-cli/issues/2011',
    says: /exceeded model token limit/,
    example: [400, openAi('Invalid request: Your request exceeded model token limit: 262144 (requested: 269030)')],
  },
  {
    vendor: 'DashScope (Qwen)',
    source: 'https://help.aliyun.com/en/model-studio/error-code',
    says: /range of input length should be/,
    example: [
      400,
      { code: 'InvalidParameter', message: 'Range of input length should be [1, 30720]', request_id: 'r' },
    ],
  },
  {
    vendor: 'MiniMax',
    source: 'https://platform.minimax.io/docs/api-reference/errorcode',
    says: /context window exceeds limit/,
    example: [400, openAi('invalid params, context window exceeds limit (2013)', { type: 'bad_request_error' })],
  },
  {
    vendor: 'Zhipu (GLM)',
    source: 'https://docs.z.ai/api-reference/api-code',
    codes: 'model_context_window_exceeded',
    says: /prompt exceeds (?:the )?max(?:imum)? length/,
    example: [400, { error: { code: '1261', message: 'Prompt exceeds max length' } }],
  },
  {
    vendor: 'GitHub Models and Copilot',
    source: 'https://docs.github.com/en/github-models/use-github-models/prototyping-with-ai-models#rate-limits',
    codes: 'tokens_limit_reached model_max_prompt_tokens_exceeded max_prompt_tokens_exceeded',
    says: /prompt token count of \d+ exceeds the limit/,
    example: [
      400,
      {
        error: {
          code: 'model_max_prompt_tokens_exceeded',
          message: 'prompt token count of 140000 exceeds the limit of 128000',
        },
      },
    ],
  },
  {
    vendor: 'LiteLLM proxy',
    source: 'https://docs.litellm.ai/docs/exception_mapping',
    says: /contextwindowexceedederror/,
    also: [500],
    example: [
      400,
      openAi('litellm.ContextWindowExceededError: litellm.BadRequestError: too long', { type: null, code: '400' }),
    ],
  },
  {
    vendor: 'anybody who counts tokens of a prompt',
    source: 'https://docs.litellm.ai/docs/exception_mapping',
    says: /^(?!.*(?:per[ _-]?(?:second|min|hour|day)|max_\w*tokens|\btpm\b|please wait))(?=.*\b(?:prompt|input|context|messages|sequence|conversation)\b)(?=.*(?:exceed|too (?:long|large|many|big)|(?:longer|greater|more|larger) than|over the limit))(?=.*\b(?:tokens|context (?:size|length|window|limit))\b)/s,
    only: [400, 413, 422],
    example: [400, { detail: 'The sequence has 9000 tokens, which is more than the 8192 that this model reads.' }],
  },
]);
