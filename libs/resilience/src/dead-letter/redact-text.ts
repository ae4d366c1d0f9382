/** What stands in the place of a value that must not be stored. */
export const REDACTED = '[redacted]';

const SECRET_WORDS = 'password|secret|token|authorization|api[-_ ]?key|cookie';
const SECRET_KEY = new RegExp(SECRET_WORDS, 'i');
/** A text that is a name and nothing else: `x-api-key`, `--password`, `Authorization:`. */
const SECRET_NAME = new RegExp(`^\\s*-{0,2}[\\w.-]{0,64}(?:${SECRET_WORDS})[\\w.-]{0,64}\\s*[:=]?\\s*$`, 'i');

/** Nearly every text holds none of these, and is let through at the price of one look. */
const HINT = new RegExp(`${SECRET_WORDS}|bearer|basic|://|eyJ|-----BEGIN|\\\\u00|sk-|gh[pousr]_|xox|AKIA|AIza`, 'i');

// Every repetition before a mark that must follow has a limit: the texts come from callers, who may wish to keep us busy.
const NAME = `(?:${SECRET_WORDS})[\\w-]{0,64}`;
const QUOTED = ['"', "'"].map((quote) => `\\\\{0,8}${quote}(?:[^${quote}\\\\]|\\\\[^])*(?:${quote}|$)`).join('|');

/** The first group stays, so that the message keeps its sense; the rest goes. */
const PATTERNS: readonly RegExp[] = [
  /(-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----)(?:(?!-----END)[^])*/g,
  // Headers end with their line: a cookie has several parts, a digest several fields.
  /(\b(?:authorization|cookie)\s{0,8}:\s{0,8})[^\s"'\\[{][^\r\n]*/gi,
  // A list or an object cannot be told from what follows it, so all that follows goes as well.
  new RegExp(
    `(${NAME}(?:\\\\{0,8}["']|%22|%27)?\\s{0,8}(?:=>|[=:]|%3A|%3D)\\s{0,8})` +
      `(?:${QUOTED}|[[{][^]*|(?:(?:bearer|basic|digest)\\s{1,8})?[^\\s&"'<>]*[^\\s&"'<>.,;)}\\]])`,
    'gi',
  ),
  new RegExp(`(<[\\w:.-]{0,64}${NAME}(?:\\s[^<>]{0,256})?>)(?!\\s*<)[^<]+`, 'gi'),
  new RegExp(`(\\s--?[\\w-]{0,64}${NAME}\\s{1,8})(?!\\[redacted)\\S+`, 'gi'),
  /(\bbearer\s{1,8})[\w.~+/=-]{8,}/gi,
  // A password may hold an unescaped @, but what follows a colon is as often a port.
  /(\b[a-z][\w+.-]{0,20}:\/\/[^\s:/@]{0,256}:)(?!\d{1,5}(?:[/?#\s]|$))[^\s"'<>]{1,1024}(?=@)/gi,
  /(\b[a-z][\w+.-]{0,20}:\/\/)[^\s:/@?#]{16,256}(?=@)/gi,
  // Tokens that say by themselves what they are.
  /(\b)(?:eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?|sk-[\w-]{16,}|gh[pousr]_\w{20,}|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|AIza[\w-]{30,})/g,
];
const BASIC = /(\bbasic\s{1,8})([\w+/=-]{8,})/gi;

/** Shorter ones ("yes", "1234") would blank innocent words. */
const SHORTEST_SECRET_SOUGHT = 6;
/** Of a secret in several parts; its shorter ones are words such as "Path". */
const SHORTEST_PART = 8;
const MAX_JSON_DEPTH = 100;

/** Whether a property of this name is never stored. */
export function isSecretKey(key: string): boolean {
  return SECRET_KEY.test(key);
}

/** Whether the text names a secret, so that its neighbour is one: `['Authorization', '...']`, `{ name: 'token', value }`. */
function namesSecret(value: unknown): boolean {
  return typeof value === 'string' && value.length <= 140 && SECRET_NAME.test(value);
}

/** Takes secrets out of texts, and remembers them: messages like to repeat what the arguments hold. */
export class TextRedactor {
  constructor(
    private readonly known: Iterable<string> = [],
    private readonly found: (secret: string) => void = () => undefined,
  ) {}

  clean(text: string): string {
    let clean = HINT.test(text) ? this.cleanByShape(text) : text;
    for (const secret of this.known) {
      if (secret.length < SHORTEST_SECRET_SOUGHT) continue;
      for (const form of formsOf(secret)) clean = clean.replaceAll(form, REDACTED);
    }
    return clean;
  }

  private cleanByShape(text: string): string {
    return this.cleanJson(text) ?? this.cleanWords(text);
  }

  private cleanWords(text: string): string {
    let clean = text;
    for (const pattern of PATTERNS) clean = clean.replace(pattern, (all, kept: string) => this.cut(all, kept));
    return clean.replace(BASIC, (all, kept: string, code: string) => (isCredentials(code) ? this.cut(all, kept) : all));
  }

  private cut(all: string, kept: string): string {
    const secret = all.slice(kept.length).replace(/^["']|["']$/g, '');
    if (secret === '' || secret.startsWith(REDACTED)) return all;
    for (const part of partsOf(secret)) this.found(part);
    return `${kept}${REDACTED}`;
  }

  /** Text that is JSON as a whole is read as such: no pattern knows where a list of tokens ends. */
  private cleanJson(text: string): string | undefined {
    if (!/^\s*[[{"]/.test(text)) return undefined;
    try {
      const value: unknown = JSON.parse(text);
      const clean = this.cleanValue(value, 0);
      return JSON.stringify(clean) === JSON.stringify(value) ? text : JSON.stringify(clean);
    } catch {
      return undefined;
    }
  }

  private cleanValue(value: unknown, depth: number): unknown {
    if (typeof value === 'string') return this.clean(value);
    if (typeof value !== 'object' || value === null) return value;
    if (depth > MAX_JSON_DEPTH) return REDACTED;
    if (Array.isArray(value)) {
      return value.map((item: unknown, index) =>
        isNamedByItsNeighbour(value, index) ? this.hide(item) : this.cleanValue(item, depth + 1),
      );
    }
    const labelled = isLabelledSecret(value);
    return Object.fromEntries(
      Object.entries(value).map(([key, item]: [string, unknown]) => [
        this.clean(key),
        isSecretKey(key) || (labelled && isValueKey(key)) ? this.hide(item) : this.cleanValue(item, depth + 1),
      ]),
    );
  }

  private hide(value: unknown): string {
    for (const secret of secretsIn(value)) this.found(secret);
    return REDACTED;
  }
}

/** Of `sid=abc; Path=/` the whole, and whatever may be repeated alone. */
function partsOf(secret: string): string[] {
  const parts = secret.slice(0, 4_096).split(/[\s;,=&:"'\\@<>()[\]{}]+|%\d\w/);
  return [secret, ...parts.filter((part) => part.length >= SHORTEST_PART)];
}

/** `['token', 'x']`, raw headers `['Host', 'h', 'Cookie', 'c']`, a command line `['run', '--password', 'x']`. */
export function isNamedByItsNeighbour(list: readonly unknown[], index: number): boolean {
  const before = list[index - 1];
  if (list[index] === undefined || !namesSecret(before)) return false;
  return index % 2 === 1 || (before as string).startsWith('-');
}

const LABELS = ['name', 'key', 'header', 'field', 'param', 'Name', 'Key'];
const VALUE_KEY = /^(?:values?|content|data)$/i;

/** `{ name: 'authorization', value: '...' }`. */
export function isLabelledSecret(value: object): boolean {
  return LABELS.some((label) => {
    const held = Object.getOwnPropertyDescriptor(value, label);
    return held !== undefined && 'value' in held && namesSecret(held.value);
  });
}

export function isValueKey(key: string): boolean {
  return VALUE_KEY.test(key);
}

/** The texts and numbers inside a value that was left out. */
export function secretsIn(value: unknown): string[] {
  const secrets: string[] = [];
  const seen = new Set<unknown>();
  const open: unknown[] = [value];
  while (open.length > 0 && seen.size < 1_000) {
    const next = open.pop();
    if (typeof next === 'string') secrets.push(...partsOf(next));
    else if (typeof next === 'number' || typeof next === 'bigint') secrets.push(String(next));
    else if (typeof next === 'object' && next !== null && !seen.has(next)) {
      seen.add(next);
      open.push(...childrenOf(next));
    }
  }
  return secrets.filter((secret) => secret.length >= SHORTEST_SECRET_SOUGHT);
}

function childrenOf(value: object): unknown[] {
  try {
    if (ArrayBuffer.isView(value)) {
      return [Buffer.from(value.buffer, value.byteOffset, Math.min(value.byteLength, 4_096)).toString()];
    }
    if (value instanceof Map) return [...value.keys(), ...value.values()].slice(0, 1_000);
    if (value instanceof Set) return [...value].slice(0, 1_000);
    if (value instanceof Error) return [value.message, value.cause, ...(Object.values(value) as unknown[])];
    return Object.values(value).slice(0, 1_000);
  } catch {
    return [];
  }
}

/** As it stands, as it stands in a URL, and as it stands in JSON. */
function formsOf(secret: string): Set<string> {
  const forms = new Set([secret, JSON.stringify(secret).slice(1, -1)]);
  try {
    forms.add(encodeURIComponent(secret));
  } catch {
    // Half a surrogate pair has no form in a URL.
  }
  return forms;
}

/** `user:password` in base64; "basic subscription" is none. */
function isCredentials(code: string): boolean {
  return /^[\x20-\x7e]*:[\x20-\x7e]*$/.test(Buffer.from(code, 'base64').toString('latin1'));
}
