import type { Type } from '@nestjs/common';
import { type ControllerDescription, describeRoutes, schemas } from '@nest-resilience/core/admin';

const { anyObject, flag, integer, list, nullable, number, object, oneOf, text } = schemas;

const PROBLEM = object({
  error: object({
    message: text(),
    type: text(),
    param: nullable(text('Field of the request')),
    code: nullable(text()),
  }),
});
const problem = (description: string) => ({ description, schema: PROBLEM });

const MODEL = object({
  id: text('A name that requests may say as `model`'),
  object: oneOf(['model'] as const),
  created: integer(),
  owned_by: text('Its provider'),
});

const USAGE = object({
  prompt_tokens: integer(),
  completion_tokens: integer(),
  total_tokens: integer(),
  prompt_tokens_details: object({ cached_tokens: integer() }),
  completion_tokens_details: object({ reasoning_tokens: integer() }),
});

const CALL = object({
  id: text(),
  type: oneOf(['function'] as const),
  function: object({ name: text(), arguments: text('JSON') }),
});

const COMPLETION = object({
  id: text(),
  object: oneOf(['chat.completion'] as const),
  created: integer('Seconds since 1970'),
  model: text('The one that served'),
  choices: list(
    object({
      index: integer(),
      message: object({
        role: oneOf(['assistant'] as const),
        content: nullable(text()),
        refusal: nullable(text()),
        'reasoning_content?': text('Thoughts'),
        'tool_calls?': list(CALL),
      }),
      logprobs: nullable(anyObject()),
      finish_reason: oneOf(['stop', 'length', 'content_filter', 'tool_calls'] as const),
    }),
  ),
  usage: USAGE,
});

/** What is served of OpenAI's request; what is passed on besides stands in the description. */
const CHAT = object({
  model: text('A provider, `provider:model`, a model, or `auto` for the chain in its order'),
  messages: list(anyObject()),
  'stream?': flag('Events of `chat.completion.chunk`, ended by `[DONE]`'),
  'stream_options?': anyObject(),
  'tools?': list(anyObject()),
  'tool_choice?': { description: '`none`, `auto`, `required` or one function' },
  'response_format?': anyObject(),
  'temperature?': number(),
  'top_p?': number(),
  'max_completion_tokens?': integer(),
  'max_tokens?': integer(),
  'stop?': { description: 'A text, or a list of texts' },
  'seed?': integer(),
  'presence_penalty?': number(),
  'frequency_penalty?': number(),
});

const EMBEDDINGS = object({
  object: oneOf(['list'] as const),
  data: list(
    object({
      object: oneOf(['embedding'] as const),
      index: integer(),
      embedding: { description: 'Numbers, or base64 of floats of 32 bits' },
    }),
  ),
  model: text('The one that served'),
  usage: object({ prompt_tokens: integer(), total_tokens: integer() }),
});

const OF_CALLS = {
  400: problem('The request is wrong, or a model says so'),
  404: problem('No such model for this team'),
  413: problem('The body is too large'),
  429: problem('A limit or the budget of the team, with Retry-After'),
  502: problem('No model came to an answer, and will not soon'),
  503: problem('No model can answer now'),
};

const ROUTES: ControllerDescription = {
  tag: 'llm-endpoint',
  security: 'bearer',
  responses: { 401: problem('No team has this key') },
  routes: {
    models: {
      summary: 'Models that the team may ask',
      responses: {
        200: { description: 'Names', schema: object({ object: oneOf(['list'] as const), data: list(MODEL) }) },
      },
    },
    model: {
      summary: 'One of them',
      responses: { 200: { description: 'It may be asked', schema: MODEL }, 404: OF_CALLS[404] },
    },
    chat: {
      summary: 'An answer of the first model of the chain that can give one',
      description:
        'In the words of OpenAI. Headers `x-resilience-*` say who served, at which level, after how many requests, at what cost.',
      body: CHAT,
      responses: { 200: { description: 'The answer; with `stream`, events', schema: COMPLETION }, ...OF_CALLS },
    },
    embeddings: {
      summary: 'Vectors of texts',
      body: object({
        model: text(),
        input: { description: 'A text, or a list of texts' },
        'encoding_format?': oneOf(['float', 'base64'] as const),
        'dimensions?': integer(),
        'user?': text(),
      }),
      responses: { 200: { description: 'One for each text, in order', schema: EMBEDDINGS }, ...OF_CALLS },
    },
  },
};

/** Has `@nestjs/swagger` describe the routes of an endpoint, where it is installed. */
export function describeEndpoint(controller: Type): Promise<void> {
  return describeRoutes([[controller, ROUTES]]);
}
