/** Reads what client libraries put on their errors, without trusting any of it. */
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

export function textOf(fields: Fields | undefined, name: string): string | undefined {
  const value = read(fields, name);
  return typeof value === 'string' ? value : undefined;
}

export function objectIn(fields: Fields | undefined, name: string): Fields | undefined {
  return fieldsOf(read(fields, name));
}

/** The first items of a list, however long it says it is; undefined for what is none. */
export function itemsOf(value: unknown, most: number): unknown[] | undefined {
  try {
    return Array.isArray(value) ? (value.slice(0, most) as unknown[]) : undefined;
  } catch {
    return undefined;
  }
}
