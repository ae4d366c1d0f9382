import type { ModelAnswer, ModelContent, ModelPart } from '../providers/model-call.js';
import { isCallersTool } from '../providers/read-answer.js';
import type { Json } from './read-body.js';

const REASONS: Readonly<Record<string, string>> = {
  ...{ length: 'length', 'content-filter': 'content_filter', 'tool-calls': 'tool_calls' },
};

/** What every answer and every chunk of one call says of itself. */
export interface AnswerHead {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
}

/** A whole answer as `POST /chat/completions` gives it. */
export function chatAnswer(head: AnswerHead, { content, finishReason, usage }: ModelAnswer): Json {
  const text = textOf(content, 'text');
  const reasoning = textOf(content, 'reasoning');
  const calls = content.filter(isCallersTool).map((call) => toolCall(call.toolCallId, call.toolName, call.input));
  const message = {
    role: 'assistant',
    content: text === '' && calls.length > 0 ? null : text,
    refusal: null,
    ...(reasoning !== '' && { reasoning_content: reasoning }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
  const finish_reason = reasonOf(finishReason);
  return {
    ...{ ...head, object: 'chat.completion' },
    choices: [{ index: 0, message, logprobs: null, finish_reason }],
    usage: chatUsage(usage),
  };
}

function textOf(content: readonly ModelContent[], type: 'text' | 'reasoning'): string {
  return content.map((part) => (part.type === type && 'text' in part ? part.text : '')).join('');
}

function reasonOf({ unified }: ModelAnswer['finishReason']): string {
  return REASONS[unified] ?? 'stop';
}

function toolCall(id: string, name: string, args: string) {
  return { id, type: 'function', function: { name, arguments: args } };
}

function chatUsage({ inputTokens: input, outputTokens: output }: ModelAnswer['usage']): Json {
  const [prompt_tokens, completion_tokens] = [input.total ?? 0, output.total ?? 0];
  return {
    prompt_tokens,
    completion_tokens,
    total_tokens: prompt_tokens + completion_tokens,
    prompt_tokens_details: { cached_tokens: input.cacheRead ?? 0 },
    completion_tokens_details: { reasoning_tokens: output.reasoning ?? 0 },
  };
}

/** Makes the chunks of one streamed answer out of its parts. */
export class ChatChunks {
  /** Places of the tools in the answer, by their ids. */
  private readonly tools = new Map<string, number>();
  private begun = false;

  constructor(
    private readonly head: AnswerHead,
    private readonly includeUsage: boolean,
  ) {}

  /** @returns the chunks that a part comes to: none, or several */
  of(part: ModelPart): readonly Json[] {
    switch (part.type) {
      case 'text-delta':
        return part.delta === '' ? [] : this.delta({ content: part.delta });
      case 'reasoning-delta':
        return this.delta({ reasoning_content: part.delta });
      case 'tool-input-start':
        return part.providerExecuted === true ? [] : this.tool(part.id, toolCall(part.id, part.toolName, ''));
      case 'tool-input-delta':
        return this.tools.has(part.id) ? this.tool(part.id, { function: { arguments: part.delta } }) : [];
      case 'tool-call':
        // Most have come in pieces before.
        if (this.tools.has(part.toolCallId) || !isCallersTool(part)) return [];
        return this.tool(part.toolCallId, toolCall(part.toolCallId, part.toolName, part.input));
      case 'finish':
        return [
          ...this.delta({}, reasonOf(part.finishReason)),
          ...(this.includeUsage ? [this.chunk([], { usage: chatUsage(part.usage) })] : []),
        ];
      default:
        return [];
    }
  }

  private tool(id: string, facts: Json): readonly Json[] {
    const index = this.tools.get(id) ?? this.tools.size;
    this.tools.set(id, index);
    return this.delta({ tool_calls: [{ index, ...facts }] });
  }

  private delta(delta: Json, finish_reason: string | null = null): readonly Json[] {
    const role = this.begun ? {} : { role: 'assistant' };
    this.begun = true;
    return [this.chunk([{ index: 0, delta: { ...role, ...delta }, logprobs: null, finish_reason }])];
  }

  private chunk(choices: readonly Json[], more: Json = {}): Json {
    const usage = this.includeUsage ? { usage: null } : {};
    return { ...this.head, object: 'chat.completion.chunk', choices, ...usage, ...more };
  }
}
