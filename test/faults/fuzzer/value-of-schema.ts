import fc from 'fast-check';

/** What this project's OpenAPI document and its workflows' input schemas use of JSON Schema. */
export interface Schema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly pattern?: string;
  readonly format?: string;
}

/** Long enough to be read, short enough that a thousand are cheap. */
const LONGEST = 400;
const MOST_ITEMS = 5;
const YEARS = { min: new Date('2020-01-01'), max: new Date('2030-01-01') };

/** Values that the schema accepts. @param address what stands for a text that must be one */
export function valueOf(schema: Schema, address: string): fc.Arbitrary<unknown> {
  if (schema.enum) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case 'object':
      return object(schema, address);
    case 'array': {
      const maxLength = Math.min(schema.maxItems ?? MOST_ITEMS, Math.max(MOST_ITEMS, schema.minItems ?? 0));
      return fc.array(valueOf(schema.items ?? {}, address), { minLength: schema.minItems ?? 0, maxLength });
    }
    case 'integer':
      return fc.integer({ min: schema.minimum ?? -5, max: schema.maximum ?? 1000 });
    case 'number':
      return fc.double({ min: schema.minimum ?? -1e6, max: schema.maximum ?? 1e6, noNaN: true });
    case 'boolean':
      return fc.boolean();
    case 'string':
      return text(schema, address);
    default:
      return fc.jsonValue({ maxDepth: 3 });
  }
}

function object({ properties = {}, required = [] }: Schema, address: string): fc.Arbitrary<unknown> {
  const values = Object.entries(properties).map(([key, value]) => [key, valueOf(value, address)] as const);
  return fc.record(Object.fromEntries(values), { requiredKeys: [...required] });
}

function text({ pattern, format, minLength = 0 }: Schema, address: string): fc.Arbitrary<string> {
  if (format === 'date-time') return fc.date({ ...YEARS, noInvalidDate: true }).map((date) => date.toISOString());
  if (pattern?.startsWith('^https?://')) return fc.constant(address);
  const any = fc.oneof(
    fc.string({ minLength, maxLength: LONGEST }),
    fc.string({ minLength, maxLength: LONGEST, unit: 'grapheme' }),
    fc.lorem({ maxCount: 60 }),
  );
  if (pattern === '^/') return fc.webPath({ size: 'small' }).map((path) => path || '/');
  return pattern === undefined ? any : fc.stringMatching(new RegExp(pattern), { maxLength: 40 });
}
