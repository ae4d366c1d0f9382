const SILENT = new Set(['script', 'style', 'head', 'title']);
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

/** The readable text of an HTML mail. One pass over the input, whatever it holds: mails are hostile. */
export function htmlToText(html: string): string {
  const parts: string[] = [];
  let silentUntil: string | undefined;
  for (const [index, chunk] of html.split('<').entries()) {
    const tagEnd = index === 0 ? -1 : chunk.indexOf('>');
    const name = index === 0 ? '' : (/^\/?[a-z][a-z0-9]*/i.exec(chunk.slice(0, 32))?.[0].toLowerCase() ?? '');
    if (silentUntil !== undefined) {
      if (name !== silentUntil) continue;
      silentUntil = undefined;
    } else if (SILENT.has(name)) {
      silentUntil = `/${name}`;
      continue;
    }
    parts.push(index > 0 && tagEnd === -1 ? '' : chunk.slice(tagEnd + 1));
  }
  return parts
    .join(' ')
    .replace(/&(#?\w{1,8});/g, (entity, name: string) => ENTITIES[name.toLowerCase()] ?? character(name) ?? entity)
    .replace(/\s+/g, ' ')
    .trim();
}

function character(name: string): string | undefined {
  const code = /^#x?[0-9a-f]+$/i.test(name) ? Number(name.replace(/^#(x?)/i, (_, x: string) => (x ? '0x' : ''))) : NaN;
  return code > 31 && code < 0x11_0000 ? String.fromCodePoint(code) : undefined;
}
