import type { ModelPart, ModelRequest } from '../providers/model-call.js';
import type { AnswerSoFar } from './answer-so-far.js';
import type { CallRecord } from './call-record.js';
import type { Turn } from './call-targets.js';

const ENDS_WITH_SPACE = /\s$/;

/** An answer that one target has begun and another one goes on with. */
export class Continuation {
  /** What the reader has got from those before. */
  before = '';
  private textId = '';
  private isOpen = false;
  private times = 0;
  private hasOther = false;
  private atSpace = false;

  /** Whether the target may be asked: any one while nothing was said, one that can begin with half an answer then. */
  isFor({ target, fallbackLevel }: Turn, record: CallRecord): boolean {
    if (this.before === '' || target.options.prefill) return true;
    const why = 'it does not go on with what another model has begun (prefill)';
    record.notSent(target, fallbackLevel, 'skipped', 'network', why);
    return false;
  }

  /** @returns whether an answer that broke here can be gone on with: one of text alone */
  begin({ text }: AnswerSoFar): boolean {
    this.before = this.whole(text);
    this.atSpace = ENDS_WITH_SPACE.test(this.before);
    this.times++;
    return this.before !== '' && !this.hasOther;
  }

  /** With what has come of it since. */
  whole(text: string): string {
    return this.before + (ENDS_WITH_SPACE.test(this.before) ? text.trimStart() : text);
  }

  /** Models refuse to go on after white space; they begin with it themselves. */
  request(request: ModelRequest): ModelRequest {
    const text = this.before.trimEnd();
    return { ...request, prompt: [...request.prompt, { role: 'assistant', content: [{ type: 'text', text }] }] };
  }

  /** What a part is for the reader, whose text has begun already. */
  part(part: ModelPart): ModelPart | undefined {
    const isText = part.type === 'text-start' || part.type === 'text-delta' || part.type === 'text-end';
    if (this.times === 0) {
      if (isText) this.follow(part.type, part.id);
      else if (part.type.startsWith('tool-') || part.type === 'file') this.hasOther = true;
      return part;
    }
    // Where the text is still open, no second one begins.
    if (!isText || (part.type === 'text-start' && this.isOpen)) return undefined;
    this.follow(part.type, part.type === 'text-start' ? `${part.id}-${this.times}` : this.textId);
    if (part.type !== 'text-delta') return { ...part, id: this.textId };
    const delta = this.atSpace ? part.delta.trimStart() : part.delta;
    if (delta !== '') this.atSpace = false;
    return { ...part, id: this.textId, delta };
  }

  private follow(type: ModelPart['type'], id: string): void {
    this.textId = id;
    this.isOpen = type !== 'text-end';
  }
}
