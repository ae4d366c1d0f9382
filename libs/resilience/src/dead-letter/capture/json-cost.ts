/** Arguments have 200 levels at most, errors ten. */
const MAX_DEPTH = 400;

/** Each costs more than the bytes it has: 10 MB of brackets are a gigabyte once they are parsed. */
const MAX_VALUES = 500_000;

const QUOTE = 34;
const BACKSLASH = 92;

/** Why this JSON text is not to be parsed, if it is not. Looks at each character once, and makes nothing. */
export function costOfParsing(text: string): string | undefined {
  let depth = 0;
  let values = 1;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfText(text, at);
      // JSON.parse says what is wrong.
      if (at < 0) return undefined;
    } else if (code === 91 || code === 123) {
      if (++depth > MAX_DEPTH) return `nested more than ${MAX_DEPTH} levels deep`;
      values++;
    } else if (code === 93 || code === 125) depth--;
    else if (code === 44) values++;
    if (values > MAX_VALUES) return `more than ${MAX_VALUES} values`;
  }
  return undefined;
}

function endOfText(text: string, start: number): number {
  const close = text.indexOf('"', start + 1);
  if (close < 0 || text.charCodeAt(close - 1) !== BACKSLASH) return close;
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at++;
    else if (code === QUOTE) return at;
  }
  return -1;
}
