import type { LlmFinishReason } from '../llm.result.js';
import type { ModelAnswer } from './model-call.js';

/** What an answer's end means that is none. `status`: what the vendor would have answered, had it known before. */
interface Broken {
  readonly status: number;
}

interface EndWord {
  readonly word: RegExp;
  readonly means: LlmFinishReason | Broken;
  /** Who says so, and where it is written. */
  readonly source: string;
}

const UNAVAILABLE: Broken = { status: 503 };
const BROKEN: Broken = { status: 502 };

/** Words that client libraries take for `other`, though they say whether the answer is whole. */
const END_WORDS: readonly EndWord[] = [
  { word: /^error$/, means: BROKEN, source: 'OpenRouter, https://openrouter.ai/docs/api-reference/errors' },
  { word: /^network_error$/, means: BROKEN, source: 'Z.ai, https://docs.z.ai/api-reference/llm/chat-completion' },
  {
    word: /^insufficient_system_resource$/,
    means: UNAVAILABLE,
    source: 'DeepSeek, https://api-docs.deepseek.com/api/create-chat-completion',
  },
  { word: /^(abort(ed)?|cancel+ed|interrupted)$/, means: BROKEN, source: 'vLLM and SGLang, when a request is aborted' },
  {
    word: /^(ERROR|ERROR_TOXIC|ERROR_LIMIT|TIMEOUT|USER_CANCEL)$/,
    means: BROKEN,
    source: 'Cohere, https://docs.cohere.com/reference/chat',
  },
  {
    word: /^(MALFORMED_FUNCTION_CALL|UNEXPECTED_TOOL_CALL)$/,
    means: BROKEN,
    source: 'Gemini, https://ai.google.dev/api/generate-content#FinishReason',
  },
  {
    word: /^pause_turn$/,
    means: BROKEN,
    source: 'Anthropic, https://docs.anthropic.com/en/api/handling-stop-reasons (to be asked to go on)',
  },
  {
    word: /^(SAFETY|RECITATION|BLOCKLIST|PROHIBITED_CONTENT|SPII|IMAGE_SAFETY)$/,
    means: 'content-filter',
    source: 'Gemini, https://ai.google.dev/api/generate-content#FinishReason',
  },
  { word: /^sensitive$/, means: 'content-filter', source: 'Z.ai, https://docs.z.ai/api-reference/llm/chat-completion' },
  { word: /^(refusal|content_filtered|guardrail_intervened)$/, means: 'content-filter', source: 'Anthropic, Bedrock' },
  {
    word: /^(model_length|max_tokens|MAX_TOKENS|model_context_window_exceeded|token_limit)$/,
    means: 'length',
    source: 'Mistral, Cohere, Gemini, Anthropic, watsonx',
  },
  { word: /^(COMPLETE|eos|eos_token|end_turn|STOP|stop_sequence)$/, means: 'stop', source: 'Cohere, Together, Gemini' },
];

/** An answer that the provider itself calls unfinished, in the shape `classifyError` reads. */
class UnfinishedAnswerError extends Error {
  override readonly name = 'UnfinishedAnswerError';

  constructor(
    said: string,
    readonly statusCode: number,
  ) {
    super(`the provider ended its answer with '${said}' before it was done`);
  }
}

/** `interrupted` is a word of the AI SDK's next version. */
const UNIFIED: Readonly<Record<string, Broken>> = { error: BROKEN, interrupted: BROKEN };

/** Why an answer ended. @throws UnfinishedAnswerError when that says that it is not whole */
export function finishReasonOf({ unified, raw }: ModelAnswer['finishReason']): LlmFinishReason {
  const known = raw === undefined ? undefined : END_WORDS.find(({ word }) => word.test(raw))?.means;
  const means = known ?? UNIFIED[unified] ?? unified;
  if (typeof means === 'object') throw new UnfinishedAnswerError(raw ?? unified, means.status);
  return means;
}
