import type { LlmAnswerTooLargeError } from '../llm.errors.js';
import type { ModelPart } from '../providers/model-call.js';
import { isCallersTool } from '../providers/read-answer.js';
import { type Said, Thoughts } from '../providers/thoughts.js';

type TextDelta = Extract<ModelPart, { type: 'text-delta' }>;

/** The parts of a streamed answer put together, with the thoughts in front of its text taken out. */
export class AnswerSoFar {
  text = '';
  reasoning = '';
  readonly toolCalls: string[] = [];
  hasFiles = false;
  /** As long as the text may still begin with thoughts. */
  private thoughts: Thoughts | undefined = new Thoughts();
  private start: ModelPart | undefined;
  private thinking = false;

  /** @param limit of the text and the thoughts together, in characters */
  constructor(
    private readonly limit: number,
    private readonly tooLarge: () => LlmAnswerTooLargeError,
  ) {}

  /** @returns what the next part is for the reader */
  take(part: ModelPart): readonly ModelPart[] {
    const parts = this.thoughts === undefined ? [part] : this.split(part, this.thoughts);
    for (const one of parts) this.add(one);
    if (this.text.length + this.reasoning.length > this.limit) throw this.tooLarge();
    return parts;
  }

  private add(part: ModelPart): void {
    if (part.type === 'text-delta') this.text += part.delta;
    else if (part.type === 'reasoning-delta') this.reasoning += part.delta;
    else if (part.type === 'file') this.hasFiles = true;
    else if (isCallersTool(part)) this.toolCalls.push(part.toolName);
  }

  private split(part: ModelPart, thoughts: Thoughts): readonly ModelPart[] {
    if (part.type === 'text-start') {
      this.start = part;
      return [];
    }
    if (part.type === 'text-delta') return this.said(thoughts.take(part.delta), part, thoughts.over);
    if (part.type !== 'text-end') return [part];
    const rest = this.said(thoughts.rest(), { type: 'text-delta', id: part.id, delta: '' }, true);
    return [...rest, part];
  }

  private said({ thought, text }: Said, part: TextDelta, over: boolean): readonly ModelPart[] {
    const id = `${part.id}-thoughts`;
    const parts: ModelPart[] = [];
    if (thought !== '') {
      if (!this.thinking) parts.push({ type: 'reasoning-start', id });
      this.thinking = true;
      parts.push({ type: 'reasoning-delta', id, delta: thought });
    }
    if (!over) return parts;
    if (this.thinking) parts.push({ type: 'reasoning-end', id });
    if (this.start !== undefined) parts.push(this.start);
    if (text !== '') parts.push({ ...part, delta: text });
    this.thoughts = undefined;
    return parts;
  }
}
