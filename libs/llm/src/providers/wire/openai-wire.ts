import type { LineMender, Wire } from './event-mender.js';

type Json = Readonly<Record<string, unknown>>;

const TRIGGERS = [
  '\\[DONE\\]',
  '"error"',
  '"choices"\\s*:\\s*null',
  '"finish_reason"\\s*:\\s*"',
  '"tool_calls"\\s*:\\s*\\[',
];
const EVENT_ERROR = ['event:\\s*error'];
const THOUGHTS = ['"reasoning(?:_content)?"\\s*:\\s*"', '"content"\\s*:\\s*\\['];

/** The wire of `/chat/completions`. */
export const OPENAI_COMPATIBLE_WIRE: Wire = {
  keyHeader: 'authorization',
  trigger: new RegExp([...TRIGGERS, ...EVENT_ERROR].join('|')),
  mender: () => new ChunkMender(false),
};

/** The same, for a client library that knows what OpenAI itself sends, and neither thoughts nor content in parts. */
export const OPENAI_WIRE: Wire = {
  keyHeader: 'authorization',
  trigger: new RegExp([...TRIGGERS, ...EVENT_ERROR, ...THOUGHTS].join('|')),
  mender: () => new ChunkMender(true),
  mendBody: (text) => (new RegExp(THOUGHTS.join('|')).test(text) ? mendBody(text) : text),
};

class ChunkMender implements LineMender {
  /** The thoughts of which the client library knows nothing go in front of the text, between marks. */
  watching = false;
  private hasText = false;
  private finished = false;
  private calledTools = false;

  constructor(private readonly withThoughts: boolean) {}

  mend(data: string, event: string): { readonly data: readonly string[]; readonly saidAll?: boolean } {
    if (data.trim() === '[DONE]') {
      // Who says that it is done has said why, though not in so many words.
      const reason = this.calledTools ? 'tool_calls' : 'stop';
      const finish = JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: reason }] });
      return { data: this.finished ? [data] : [finish, data], saidAll: true };
    }
    const chunk = parse(data);
    const error = errorIn(chunk, event, data);
    if (error !== undefined) return { data: [JSON.stringify({ error })] };
    if (chunk === undefined) return { data: [data] };
    const mended = this.chunk(chunk);
    return { data: [mended === chunk ? data : JSON.stringify(mended)] };
  }

  private chunk(chunk: Json): Json {
    const choices = chunk['choices'];
    // The count of tokens after the end.
    if (!Array.isArray(choices)) return { ...chunk, choices: [] };
    const [choice, ...others] = choices as Json[];
    if (choice === undefined) return chunk;
    const delta = record(choice['delta']);
    if (typeof choice['finish_reason'] === 'string') this.finished = true;
    if (Array.isArray(delta['tool_calls']) && delta['tool_calls'].length > 0) this.calledTools = true;
    if (!this.withThoughts) return chunk;
    const content = this.content(delta, this.finished || this.calledTools);
    if (content === delta['content']) return chunk;
    return { ...chunk, choices: [{ ...choice, delta: { ...delta, content } }, ...others] };
  }

  private content(delta: Json, ends: boolean): unknown {
    const { thought, text } = saidIn(delta);
    const opens = thought !== '' && !this.watching && !this.hasText;
    if (opens) this.watching = true;
    const closes = this.watching && (text !== '' || ends);
    const marked = this.watching ? `${opens ? '<think>' : ''}${thought}${closes ? '</think>' : ''}` : '';
    if (closes) this.watching = false;
    if (text !== '' || closes) this.hasText = true;
    if (marked === '' && (thought === '' || text !== '') && !Array.isArray(delta['content'])) return delta['content'];
    return marked + text;
  }
}

/** What a message or a part of one says and thinks, wherever its vendor puts that. */
function saidIn(message: Json): { readonly thought: string; readonly text: string } {
  const { content, reasoning_content, reasoning = reasoning_content } = message;
  const thoughts = typeof reasoning === 'string' ? reasoning : '';
  if (!Array.isArray(content)) return { thought: thoughts, text: typeof content === 'string' ? content : '' };
  const parts = content.map(record);
  const text = parts.map((part) => (part['type'] === 'text' ? textOf(part['text']) : '')).join('');
  const inside = parts.map((part) => (part['type'] === 'thinking' ? textOf(part['thinking']) : '')).join('');
  return { thought: thoughts + inside, text };
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map((part) => textOf(record(part)['text'])).join('');
  return typeof value === 'string' ? value : '';
}

function mendBody(text: string): string {
  const answer = parse(text);
  if (!Array.isArray(answer?.['choices'])) return text;
  const choices = (answer['choices'] as Json[]).map((choice) => {
    const message = record(choice['message']);
    const { thought, text: said } = saidIn(message);
    const content = thought === '' ? said : `<think>${thought}</think>${said}`;
    return { ...choice, message: { ...message, content: content === '' ? null : content } };
  });
  return JSON.stringify({ ...answer, choices });
}

/** An error in the place of an answer, as the client library expects it. */
function errorIn(chunk: Json | undefined, event: string, data: string): Json | undefined {
  if (chunk === undefined) return event === 'error' ? { message: data } : undefined;
  const [choice] = Array.isArray(chunk['choices']) ? (chunk['choices'] as Json[]) : [];
  const error = chunk['error'] || record(choice)['error'];
  const isError = event === 'error' || chunk['object'] === 'error' || chunk['type'] === 'error';
  if (!error && !isError) return undefined;
  if (typeof error === 'string') return { message: error };
  const facts = record(error || chunk);
  return { ...facts, message: textOf(facts['message']) || textOf(facts['detail']) || JSON.stringify(facts) };
}

function parse(data: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
  } catch {
    return undefined;
  }
}

function record(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}
