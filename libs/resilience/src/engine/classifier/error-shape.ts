/** Reads the fields that client libraries put on their errors, without trusting any of them. */
export type Fields = Readonly<Record<string, unknown>>;

export function fieldsOf(value: unknown): Fields | undefined {
  return (typeof value === 'object' && value !== null) || typeof value === 'function' ? (value as Fields) : undefined;
}

/** A getter on a foreign error may throw; a classifier must not. */
export function read(fields: Fields | undefined, name: string): unknown {
  if (fields === undefined) return undefined;
  try {
    return fields[name];
  } catch {
    return undefined;
  }
}

/** HTTP status from `status`, `statusCode`, `response.status` or Nest's `getStatus()`. */
export function httpStatusOf(error: Fields): number | undefined {
  const candidates = [
    read(error, 'status'),
    read(error, 'statusCode'),
    read(fieldsOf(read(error, 'response')), 'status'),
    read(fieldsOf(read(error, 'response')), 'statusCode'),
  ];
  for (const candidate of candidates) if (isHttpStatus(candidate)) return candidate;
  const getStatus = read(error, 'getStatus');
  if (typeof getStatus !== 'function') return undefined;
  try {
    const status: unknown = (getStatus as () => unknown).call(error);
    return isHttpStatus(status) ? status : undefined;
  } catch {
    return undefined;
  }
}

function isHttpStatus(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 100 && value <= 599;
}

/** Headers from `headers`, `response.headers` or `responseHeaders`; a `Headers` object, a list of pairs or a plain one of any case. */
export function headersOf(error: Fields): Map<string, string> {
  const found = new Map<string, string>();
  const sources = [
    read(error, 'responseHeaders'),
    read(fieldsOf(read(error, 'response')), 'headers'),
    read(error, 'headers'),
  ];
  for (const source of sources) {
    const headers = fieldsOf(source);
    if (headers === undefined) continue;
    try {
      collectHeaders(headers, found);
    } catch {
      // Headers that cannot be read hold no hint; what was read before stays.
    }
  }
  return found;
}

/** From a `Headers` object or a Map, a list of pairs, or a plain object. */
function collectHeaders(headers: Fields, found: Map<string, string>): void {
  const add = (name: unknown, value: unknown): void => {
    const text: unknown = Array.isArray(value) ? value[0] : value;
    if (typeof name !== 'string' || (typeof text !== 'string' && typeof text !== 'number')) return;
    found.set(name.toLowerCase(), String(text));
  };
  if (Array.isArray(headers)) {
    for (const pair of headers as readonly unknown[]) if (Array.isArray(pair)) add(pair[0], pair[1]);
  } else if (typeof headers.forEach === 'function') {
    const each = headers.forEach as (visit: (value: unknown, name: unknown) => void) => void;
    each.call(headers, (value, name) => add(name, value));
  } else {
    for (const name of Object.keys(headers)) add(name, read(headers, name));
  }
}

/** The types that a provider's error names, outermost first: `{ type: 'error', error: { type: 'overloaded_error' } }`. */
export function typesOf(error: Fields): unknown[] {
  const body = fieldsOf(read(error, 'error'));
  return [read(error, 'type'), read(body, 'type'), read(fieldsOf(read(body, 'error')), 'type')];
}

/** Codes and types that a provider put into its answer's body: `insufficient_quota`, `context_length_exceeded`... */
export function bodyWordsOf(error: Fields): string {
  const nested = [fieldsOf(read(error, 'error')), fieldsOf(read(error, 'data')), fieldsOf(read(error, 'body'))];
  const words: unknown[] = [read(error, 'code'), read(error, 'type'), read(error, 'responseBody')];
  for (const fields of nested) {
    const inner = fieldsOf(read(fields, 'error'));
    for (const source of [fields, inner]) {
      words.push(read(source, 'code'), read(source, 'type'), read(source, 'message'));
    }
  }
  return words
    .filter((word): word is string => typeof word === 'string')
    .map((word) => word.slice(0, 2000))
    .join(' ')
    .toLowerCase();
}
