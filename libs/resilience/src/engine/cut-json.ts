const CLOSER: Readonly<Record<string, string>> = { '{': '}', '[': ']' };

/**
 * What the beginning of a JSON text says: what is whole, and of a text in the middle the part that is there, with `...` behind it.
 * `undefined` when that is nothing.
 */
export function parseCutJson(text: string): unknown {
  const open: string[] = [];
  // The last place at which closing what is open makes JSON again: each bracket is one, so what is open there is open now.
  let end = 0;
  const closed = () => parsed(text.slice(0, end) + open.toReversed().join(''));
  let isKey = false;
  for (let at = 0; at < text.length;) {
    const char = text.charAt(at);
    if (char === '"') {
      const close = endOfText(text, at);
      if (close < 0) return isKey ? closed() : parsed(withCutText(text, at, open));
      at = close + 1;
      if (!isKey) end = at;
    } else if (char === '{' || char === '[') {
      open.push(CLOSER[char]!);
      isKey = char === '{';
      end = ++at;
    } else if (char === '}' || char === ']') {
      open.pop();
      end = ++at;
    } else if (char === ',' || char === ':') {
      isKey = char === ',' && open.at(-1) === '}';
      at++;
    } else {
      const next = /[\s,:{}[\]"]/g;
      next.lastIndex = at + 1;
      const found = next.exec(text)?.index;
      // A number at the very end may have had more digits.
      if (found === undefined) break;
      if (char.trim() !== '') end = found;
      at = found;
    }
  }
  return closed();
}

/** The same object where no field has more characters of JSON than that; otherwise one in which those fields are cut. */
export function cutFields<T extends object>(fields: T, maxLength: number): T {
  if (JSON.stringify(fields).length <= maxLength) return fields;
  let isCut = false;
  const entries = Object.entries(fields).map(([name, value]: [string, unknown]) => {
    const text = JSON.stringify(value) ?? '';
    if (text.length <= maxLength) return [name, value];
    isCut = true;
    return [name, parseCutJson(text.slice(0, maxLength))];
  });
  return isCut ? (Object.fromEntries(entries) as T) : fields;
}

/** Where the text that begins here ends, -1 if it does not. */
function endOfText(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    if (!isEscaped(text, at)) return at;
  }
  return -1;
}

function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text[first - 1] === '\\') first--;
  return (at - first) % 2 === 1;
}

/** Half an escape, or half of a pair, is no text. */
function withCutText(text: string, start: number, open: readonly string[]): string {
  const half = /(?:\\(?:u[0-9a-f]{0,3})?|[\ud800-\udbff])$/i.exec(text.slice(-6));
  const cut = half === null ? text.length : text.length - half[0].length;
  const end = cut > start && !isEscaped(text, cut) ? cut : text.length;
  return `${text.slice(0, end)}..."${open.toReversed().join('')}`;
}

function parsed(json: string): unknown {
  return json === '' ? undefined : JSON.parse(json);
}
