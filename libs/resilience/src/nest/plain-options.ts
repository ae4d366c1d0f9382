/** What JSON can hold. */
export type PlainValue = string | number | boolean | null | readonly PlainValue[] | PlainOptions;
export interface PlainOptions {
  readonly [option: string]: PlainValue;
}

/** Options as people read them: functions by name, Error classes by theirs; what is not set or without limit is left out. */
export function plainOptions(options: object): PlainOptions {
  const entries = Object.entries(options).map(([name, value]) => [name, plain(value)] as const);
  return Object.fromEntries(entries.filter((entry): entry is [string, PlainValue] => entry[1] !== undefined));
}

function plain(value: unknown): PlainValue | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : undefined;
    case 'function':
      return nameOf(value);
    case 'object':
      if (value === null) return null;
      return Array.isArray(value)
        ? value.map(plain).filter((item): item is PlainValue => item !== undefined)
        : plainOptions(value);
    default:
      return undefined;
  }
}

function nameOf(value: NewableFunction): string {
  const isErrorClass = value === (Error as unknown) || (value.prototype as unknown) instanceof Error;
  return isErrorClass ? value.name : `function ${value.name}`.trimEnd();
}
