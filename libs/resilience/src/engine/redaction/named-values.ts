import { REDACTED } from './redacted.js';
import { isSecretKey, isSecretName } from './secret-names.js';

/** `firm`: arguments of dead letters, which somebody wants to replay. `all`: what only people read. */
export type RedactionLevel = 'firm' | 'all';

const QUOTE = String.raw`(?:\\{0,8}["']|%22|%27|&quot;|&#3[49];|&#x2[27];|&apos;)`;
const SEPARATOR = String.raw`(?:=>|:=|[=:]|%3A|%3D|&#61;|&#58;|&#x3[ad];|&equals;|&colon;)`;
/** A name and what stands between it and its value. Tried once a word, not once a letter: names have a beginning. */
const NAMED = new RegExp(String.raw`(?<![\w$.-])([\w$.-]{1,128})${QUOTE}?(?:\]|%5D)?\s{0,8}${SEPARATOR}\s{0,8}`, 'gi');
const BRACKETED = ['"', "'"].map((quote) => String.raw`\\{0,8}${quote}(?:[^${quote}\\]|\\[^])*(?:${quote}|$)`);
const QUOTED = new RegExp(`${BRACKETED.join('|')}|(?:&quot;|&#3[49];|&#x2[27];|&apos;)[^&]*`, 'iy');
/** A list or an object cannot be told from what follows it, so all that follows goes as well. */
const OPEN = /[[{][^]*/y;
/** The lines below a name in YAML. */
const BLOCK = /[|>][+-]?\d?[ \t]*\r?\n(?:[ \t]+[^\r\n]*(?:\r?\n|$))+/y;
const LINE = /[^\r\n"'<&]+/y;
const PLAIN = /(?:(?:bearer|basic|digest|token)\s{1,8})?[^\s&"'<>]*[^\s&"'<>.,;)}\]]/iy;

const ELEMENT = /(<([\w:.-]{1,128})(?:\s[^<>]{0,256})?>)(?!\s*<)[^<]+/g;
const FLAG = /(\s--?([\w-]{1,128})\s{1,8})(?!\[redacted|-)\S+/g;

/** `name: TOKEN`, and `value: ...` after it, in YAML and XML. */
const LABELLED =
  /((?<![\w-])(?:name|key|header|field|param)["']?\s{0,8}[:=]\s{0,8}["']?([\w.-]{1,128})["']?[\s,;]{1,40}["']?value["']?\s{0,8}[:=]\s{0,8})(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>,;}]+)/gi;
/** Raw headers, which stand in one list with their values. Other lists may be of names only. */
const LISTED =
  /((["'])(?<=[[,]\s{0,8}["'])((?:proxy-)?authorization|(?:set-)?cookie|\w{1,32}(?:-\w{1,32}){1,6})\2\s{0,8},\s{0,8})(?:"[^"]*"|'[^']*')/gi;
/** `ENV API_TOKEN ...`: a name that no sentence has, before something that no word is. */
const SHOUTED =
  /((?<![\w-])([A-Za-z]\w{2,128})[ \t]{1,4})(?=[^\s"'<>]{0,256}\d)(?=[^\s"'<>]{0,256}[A-Za-z])[^\s"'<>]{12,}/g;

/** Of an address: `?sig=`, `&key=`. Elsewhere a key is the name of something. */
const QUERY_NAMES = /^(?:sig|signature|key|code|ticket|x-(?:amz|goog)-(?:signature|credential|security-token))$/i;
const SHORTEST_QUERY_SECRET = 8;
/** What follows a name in a sentence, or says that nothing is there. */
const PROSE = new Set(
  (
    'failed failure invalid expired missing required denied rejected error none null true false ok undefined unknown mismatch ' +
    'not is was must empty optional include omit same-origin disabled enabled string number boolean object yes no a an the'
  ).split(' '),
);
const PHRASE = /phrase|mnemonic/i;

export type Cut = (all: string, kept: string) => string;

/** Hands every value whose name says that it is a secret to `cut`. Linear in the text. */
export function cleanNamedValues(text: string, level: RedactionLevel, cut: Cut): string {
  let clean = cleanAssigned(text, level, cut);
  const cutNamed = (all: string, kept: string, name: string): string => (isSecret(name, level) ? cut(all, kept) : all);
  clean = clean.replace(LABELLED, cutNamed);
  if (clean.includes('['))
    clean = clean.replace(LISTED, (all, kept: string, _quote: string, name: string) => cutNamed(all, kept, name));
  if (clean.includes('_'))
    clean = clean.replace(SHOUTED, (all, kept: string, name: string) =>
      name.includes('_') ? cutNamed(all, kept, name) : all,
    );
  if (clean.includes('<')) clean = clean.replace(ELEMENT, cutNamed);
  if (clean.includes(' -')) clean = clean.replace(FLAG, cutNamed);
  return clean;
}

function cleanAssigned(text: string, level: RedactionLevel, cut: Cut): string {
  const parts: string[] = [];
  let done = 0;
  NAMED.lastIndex = 0;
  for (let match = NAMED.exec(text); match !== null; match = NAMED.exec(text)) {
    const from = NAMED.lastIndex;
    const name = match[1] ?? '';
    const value = valueAt(text, from, match.index, name, level);
    if (value === undefined || value === '') continue;
    parts.push(text.slice(done, from), cut(value, ''));
    done = from + value.length;
    NAMED.lastIndex = done;
  }
  return done === 0 ? text : parts.join('') + text.slice(done);
}

function valueAt(text: string, from: number, at: number, name: string, level: RedactionLevel): string | undefined {
  const inQuery = '?&;'.includes(text[at - 1] ?? ' ') && QUERY_NAMES.test(name);
  const before = wordBefore(text, at);
  const names = before === '' ? [name] : [name, `${before} ${name}`];
  const firm = names.some((each) => isSecretKey(each));
  // A connection string says nothing else for a password.
  const odbc = /^pwd$/i.test(name) && text[from - 1] === '=';
  const secret = firm || odbc || inQuery || (level === 'all' && names.some((each) => isSecretName(each)));
  if (!secret || text.startsWith(REDACTED, from)) return undefined;
  const value =
    (PHRASE.test(name) ? take(LINE, text, from) : undefined) ??
    take(BLOCK, text, from)?.trimEnd() ??
    take(QUOTED, text, from) ??
    (firm ? take(OPEN, text, from) : undefined) ??
    take(PLAIN, text, from);
  if (value === undefined) return undefined;
  const bare = value.replace(/^\\*["']|\\*["']$/g, '');
  if (PROSE.has(bare.toLowerCase())) return undefined;
  if (inQuery && !firm && bare.length < SHORTEST_QUERY_SECRET) return undefined;
  const stays = /^\d+$/.test(bare) && !isSecretKey(name, bare) && !isSecretName(name, bare);
  return stays && !inQuery && !odbc ? undefined : value;
}

function take(pattern: RegExp, text: string, from: number): string | undefined {
  pattern.lastIndex = from;
  return pattern.exec(text)?.[0];
}

/** The word before a name that is written in two: `api key`, `session id`. */
function wordBefore(text: string, at: number): string {
  if (text[at - 1] !== ' ' && text[at - 1] !== '+') return '';
  return /[A-Za-z]{1,20}$/.exec(text.slice(Math.max(0, at - 21), at - 1))?.[0] ?? '';
}

function isSecret(name: string, level: RedactionLevel): boolean {
  return level === 'firm' ? isSecretKey(name) : isSecretName(name);
}
