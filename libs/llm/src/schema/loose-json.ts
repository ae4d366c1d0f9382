import { isKept } from './kept-number.js';

/** What was not JSON and could be understood in one way only. */
export type Slip =
  | 'comments'
  | 'trailing commas'
  | 'missing commas'
  | 'quotes'
  | 'unquoted names'
  | "Python's constants"
  | 'line breaks in texts';

export type LooseJson =
  | {
      readonly ok: true;
      readonly value: unknown;
      /** Where it ends. */
      readonly end: number;
      readonly slips: readonly Slip[];
      /** Numbers that would not be what they say, each with its JSON pointer. */
      readonly lost: readonly string[];
    }
  | {
      readonly ok: false;
      readonly at: number;
      readonly problem: string;
      /** Something of it was there already, so it was meant to be a value. */
      readonly begun: boolean;
    };

/** Deeper values would use up the stack. */
const MAX_DEPTH = 1_000;
const CONSTANTS: ReadonlyMap<string, { readonly value: unknown; readonly slip?: Slip }> = new Map([
  ['true', { value: true }],
  ['false', { value: false }],
  ['null', { value: null }],
  ['True', { value: true, slip: "Python's constants" }],
  ['False', { value: false, slip: "Python's constants" }],
  ['None', { value: null, slip: "Python's constants" }],
]);
const CLOSING: Readonly<Record<string, string>> = { '"': '"', "'": "'", '“': '”', '‘': '’' };
const ESCAPED: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** Reads one value of JSON as models write it, from `start`. What could mean more than one thing, or is cut off, is not read. */
export function readLooseJson(text: string, start: number): LooseJson {
  const reader = new Reader(text, start);
  try {
    const value = reader.value(0);
    return { ok: true, value, end: reader.at, slips: [...reader.slips], lost: reader.lost };
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return { ok: false, at: error.at, problem: error.problem, begun: reader.begun };
  }
}

/** No Error: a stack for each bracket of a text would cost more than reading it. */
class Unreadable {
  constructor(
    readonly at: number,
    readonly problem: string,
  ) {}
}

class Reader {
  readonly slips = new Set<Slip>();
  readonly lost: string[] = [];
  begun = false;
  private readonly path: (string | number)[] = [];

  constructor(
    private readonly text: string,
    public at: number,
  ) {}

  value(depth: number): unknown {
    if (depth > MAX_DEPTH) this.wrong(`nothing deeper than ${MAX_DEPTH} levels`);
    this.skip();
    const char = this.text[this.at] ?? '';
    if (char === '{') return this.object(depth);
    if (char === '[') return this.array(depth);
    if (char in CLOSING) return this.string(char);
    const number = this.take(NUMBER);
    if (number !== undefined) return this.number(number);
    const before = this.at;
    const constant = CONSTANTS.get(this.take(WORD) ?? '');
    this.at = constant === undefined ? before : this.at;
    if (constant === undefined) this.wrong('a value');
    if (constant.slip) this.slips.add(constant.slip);
    return constant.value;
  }

  private object(depth: number): unknown {
    const entries: [string, unknown][] = [];
    this.at++;
    for (let more = this.isMore('}', true); more; more = this.isMore('}', false)) {
      const name = this.name();
      this.skip();
      if (this.text[this.at] !== ':') this.wrong("':'");
      this.at++;
      this.begun = true;
      this.path.push(name);
      entries.push([name, this.value(depth + 1)]);
      this.path.pop();
    }
    // As JSON.parse: a name such as __proto__ is one like any other, and the last one counts.
    return Object.fromEntries(entries);
  }

  private array(depth: number): unknown[] {
    const items: unknown[] = [];
    this.at++;
    for (let more = this.isMore(']', true); more; more = this.isMore(']', false)) {
      this.path.push(items.length);
      items.push(this.value(depth + 1));
      this.path.pop();
      this.begun = true;
    }
    return items;
  }

  /** Goes to the next member, or behind the end. */
  private isMore(end: '}' | ']', isFirst: boolean): boolean {
    const before = this.at;
    this.skip();
    if (this.text[this.at] === ',' && !isFirst) {
      this.at++;
      this.skip();
      if (this.text[this.at] === end) this.slips.add('trailing commas');
    } else if (!isFirst && this.text[this.at] !== end) {
      // On a line of its own and with a name it can only be the next one.
      const isNext = end === '}' && /\n/.test(this.text.slice(before, this.at)) && this.take(NEXT_NAME) === '';
      if (!isNext) this.wrong(`',' or '${end}'`);
      this.slips.add('missing commas');
    }
    if (this.text[this.at] !== end) return true;
    this.at++;
    return false;
  }

  private name(): string {
    const char = this.text[this.at] ?? '';
    if (char in CLOSING) return this.string(char);
    const name = this.take(NAME);
    if (name === undefined) this.wrong('a name');
    this.slips.add('unquoted names');
    return name;
  }

  private number(literal: string): number {
    if (!isKept(literal)) {
      const shown = literal.length > 40 ? `${literal.slice(0, 40)}...` : literal;
      const where = this.path.length === 0 ? 'the answer' : `/${this.path.join('/')}`;
      this.lost.push(`${where} is ${shown}, which no number keeps as it is; send it as a text`);
    }
    return Number(literal);
  }

  private string(open: string): string {
    const close = CLOSING[open] ?? open;
    if (open !== '"') this.slips.add('quotes');
    // Everything up to what ends it, is escaped, or must not be there as it is.
    const plain = STRETCHES[close] ?? /[^"\\]*/y;
    let read = '';
    this.at++;
    for (;;) {
      const stretch = this.take(plain) ?? '';
      // eslint-disable-next-line no-control-regex -- which JSON wants escaped
      if (/[\u0000-\u001f]/.test(stretch)) this.slips.add('line breaks in texts');
      read += stretch;
      const char = this.text[this.at++];
      if (char === close) return read;
      if (char === undefined) this.wrong('the end of the text');
      read += this.escaped();
    }
  }

  private escaped(): string {
    const char = this.text[this.at++] ?? '';
    if (char === "'") this.slips.add('quotes');
    if (char === "'" || char === '"' || char === '\\' || char === '/') return char;
    const plain = ESCAPED[char];
    if (plain !== undefined) return plain;
    const code = char === 'u' ? this.take(CODE) : undefined;
    if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
    this.at--;
    this.wrong('one of "\\/bfnrtu after a \\');
  }

  private skip(): void {
    for (;;) {
      this.take(SPACES);
      const comment = this.take(COMMENT);
      if (comment === undefined) return;
      const end = this.text.indexOf(comment === '/*' ? '*/' : '\n', this.at);
      this.at = end < 0 ? this.text.length : end + (comment === '/*' ? 2 : 1);
      this.slips.add('comments');
    }
  }

  private take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  private wrong(expected: string): never {
    const { at, text } = this;
    if (at >= text.length) throw new Unreadable(text.length, 'it ends in the middle');
    const found = JSON.stringify(text.slice(at, at + 20));
    throw new Unreadable(at, `${expected} is expected at character ${at + 1}, not ${found}`);
  }
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])/y;
const WORD = /[A-Za-z]+(?![\w.])/y;
const NEXT_NAME = /(?="[^"\n]*"\s*:)/y;
const NAME = /[\p{L}_$][\p{L}\p{N}_$-]*/uy;
const CODE = /[\da-fA-F]{4}/y;
const SPACES = /\s+/y;
const COMMENT = /\/\/|#|\/\*/y;
const STRETCHES: Readonly<Record<string, RegExp>> = {
  '"': /[^"\\]*/y,
  "'": /[^'\\]*/y,
  '”': /[^”\\]*/y,
  '’': /[^’\\]*/y,
};
