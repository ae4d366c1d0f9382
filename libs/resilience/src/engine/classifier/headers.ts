import { type Fields, fieldsOf, itemsOf, objectIn, read } from './fields.js';

/** More than any server sends; what comes after is not read. */
const MAX_HEADERS = 200;

/**
 * Headers from wherever clients keep them, names in lower case, several values joined by commas as `fetch` does: `headers`,
 * `response.headers`, `responseHeaders`, `$response.headers` (AWS), `metadata` (gRPC); what a gateway
 * put into the body (OpenRouter's `error.metadata.headers`) comes last.
 */
export function headersOf(error: Fields, bodies: readonly Fields[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const metadata = objectIn(error, 'metadata');
  const sources = [
    ...bodies.map((body) => read(body, 'headers')),
    read(metadata, 'internalRepr') ?? metadata,
    read(error, 'responseHeaders'),
    read(objectIn(error, '$response'), 'headers'),
    read(objectIn(error, 'response'), 'headers'),
    read(error, 'headers'),
  ];
  for (const source of sources) {
    const headers = fieldsOf(source);
    if (headers === undefined) continue;
    try {
      collect(headers, found);
    } catch {
      // Headers that cannot be read hold no hint; what was read before stays.
    }
  }
  return found;
}

/** From a list of pairs, anything that iterates over pairs (`Headers`, a Map, Azure's), or a plain object. */
function collect(headers: Fields, found: Map<string, string>): void {
  let left = MAX_HEADERS;
  const add = (name: unknown, value: unknown): void => {
    const text: unknown = itemsOf(value, 8)?.join(', ') ?? value;
    if (typeof name !== 'string' || (typeof text !== 'string' && typeof text !== 'number')) return;
    found.set(name.toLowerCase(), String(text));
  };
  const iterate = (headers as { [Symbol.iterator]?: unknown })[Symbol.iterator];
  if (typeof iterate === 'function') {
    for (const pair of headers as unknown as Iterable<unknown>) {
      if (left-- <= 0) return;
      if (Array.isArray(pair)) add(pair[0], pair[1]);
    }
  } else if (typeof headers.forEach === 'function') {
    (headers.forEach as (visit: (value: unknown, name: unknown) => void) => void).call(headers, (value, name) =>
      add(name, value),
    );
  } else {
    for (const name of Object.keys(headers).slice(0, MAX_HEADERS)) add(name, read(headers, name));
  }
}
