/** Marks that models put around their thoughts in front of an answer, where the server has not taken them out. */
const MARKS: readonly (readonly [open: string, close: string])[] = [
  ['<think>', '</think>'],
  ['<thinking>', '</thinking>'],
  ['<thought>', '</thought>'],
  ['<reasoning>', '</reasoning>'],
  ['<seed:think>', '</seed:think>'],
  ['[THINK]', '[/THINK]'],
  ['◁think▷', '◁/think▷'],
];

export interface Said {
  readonly thought: string;
  readonly text: string;
}

/**
 * Takes the thoughts in front of an answer out of its text, however it is cut into pieces. What looks like a mark later on belongs to
 * the answer.
 */
export class Thoughts {
  private held = '';
  private close: string | undefined;
  private state: 'start' | 'thinking' | 'trim' | 'text' = 'start';

  /** Whether all that comes is text from now on. */
  get over(): boolean {
    return this.state === 'text';
  }

  take(piece: string): Said {
    let thought = '';
    this.held += piece;
    if (this.state === 'start') this.begin();
    if (this.state === 'thinking') thought = this.think();
    if (this.state === 'trim') {
      this.held = this.held.trimStart();
      if (this.held !== '') this.state = 'text';
    }
    if (this.state !== 'text') return { thought, text: '' };
    const text = this.held;
    this.held = '';
    return { thought, text };
  }

  /** What was held back at the end of the text. */
  rest(): Said {
    const { held, state } = this;
    this.held = '';
    return state === 'thinking' ? { thought: held, text: '' } : { thought: '', text: held };
  }

  private begin(): void {
    const start = this.held.trimStart();
    const mark = MARKS.find(([open]) => start.startsWith(open));
    if (mark !== undefined) {
      this.close = mark[1];
      this.state = 'thinking';
      this.held = start.slice(mark[0].length);
    } else if (!MARKS.some(([open]) => open.startsWith(start))) {
      this.state = 'text';
    }
  }

  private think(): string {
    const close = this.close ?? '';
    const end = this.held.indexOf(close);
    // Of a mark that is cut in two only the beginning may be here.
    const upTo = end === -1 ? this.held.length - partOf(close, this.held) : end;
    const thought = this.held.slice(0, upTo);
    this.held = this.held.slice(end === -1 ? upTo : end + close.length);
    if (end !== -1) this.state = 'trim';
    return thought;
  }
}

/** How many characters at the end of a text may begin the mark. */
function partOf(mark: string, text: string): number {
  for (let length = Math.min(mark.length - 1, text.length); length > 0; length--)
    if (text.endsWith(mark.slice(0, length))) return length;
  return 0;
}

/** Some servers put the first mark into the prompt, so that only the closing one, on a line of its own, is seen. */
const CLOSED_ONLY = /^((?:(?!<think>)[^])*?)\n<\/think>\s*\n/;

/** As {@link Thoughts}, of a whole answer. */
export function splitThoughts(text: string): Said {
  const closed = text.includes('</think>') ? CLOSED_ONLY.exec(text) : null;
  if (closed !== null && !text.trimStart().startsWith('<think>'))
    return { thought: closed[1] ?? '', text: text.slice(closed[0].length).trimStart() };
  const thoughts = new Thoughts();
  const said = thoughts.take(text);
  const rest = thoughts.rest();
  return { thought: (said.thought + rest.thought).trim(), text: said.text + rest.text };
}
