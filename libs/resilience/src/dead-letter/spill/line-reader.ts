import { Turns } from '../../engine/pages.js';

/** An entry with the largest arguments that a default blob may hold has half of it. */
export const MAX_LINE_LENGTH = 33_554_432;

/** A line that holds something. `text` is missing where it is too long. */
export interface Line {
  /** From 1, empty ones counted. */
  readonly line: number;
  readonly text: string | undefined;
}

/** Lines out of chunks of any size, one in memory at a time; others have a turn every few milliseconds. */
export class LineReader {
  private readonly turns = new Turns();
  private parts: string[] = [];
  private length = 0;
  private count = 0;
  private discarding = false;

  constructor(
    private readonly source: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
    private readonly maxLength = MAX_LINE_LENGTH,
  ) {}

  /** Lines so far. */
  get read(): number {
    return this.count;
  }

  get discards(): boolean {
    return this.discarding;
  }

  /** Reads the source to its end without looking at it: to leave it would cut the connection before the answer. */
  discardRest(): void {
    this.discarding = true;
  }

  async *lines(): AsyncGenerator<Line> {
    const decoder = new TextDecoder();
    for await (const chunk of this.source) {
      if (this.discarding) continue;
      const text = typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
      let start = 0;
      for (let end = text.indexOf('\n'); end >= 0 && !this.discarding; end = text.indexOf('\n', start)) {
        this.take(text.slice(start, end));
        start = end + 1;
        const line = this.end();
        if (line.text?.trim() !== '') yield line;
        if (this.turns.due) await this.turns.take();
      }
      this.take(text.slice(start));
    }
    if (this.length > 0 && !this.discarding) yield this.end();
  }

  private take(part: string): void {
    this.length += part.length;
    if (this.length > this.maxLength) this.parts = [];
    else if (part !== '') this.parts.push(part);
  }

  private end(): Line {
    const text = this.length > this.maxLength ? undefined : this.parts.join('');
    this.parts = [];
    this.length = 0;
    return { line: ++this.count, text };
  }
}
