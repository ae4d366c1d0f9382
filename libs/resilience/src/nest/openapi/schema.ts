/** As much of JSON Schema as the descriptions of our routes need. */
export interface Schema {
  readonly type?: 'string' | 'number' | 'integer' | 'boolean' | 'object' | 'array';
  readonly description?: string;
  readonly enum?: readonly (string | number)[];
  readonly nullable?: boolean;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly format?: 'date-time';
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
}

export const text = (description?: string): Schema => ({ type: 'string', ...(description && { description }) });
/** Not empty. */
export const name = (description?: string): Schema => ({ ...text(description), minLength: 1 });
export const number = (description?: string): Schema => ({ type: 'number', ...(description && { description }) });
export const integer = (description?: string): Schema => ({ type: 'integer', ...(description && { description }) });
export const flag = (description?: string): Schema => ({ type: 'boolean', ...(description && { description }) });
export const oneOf = (values: readonly (string | number)[], description?: string): Schema => ({
  type: 'string',
  enum: values,
  ...(description && { description }),
});
export const list = (items: Schema, description?: string): Schema => ({
  type: 'array',
  items,
  ...(description && { description }),
});
/** A JSON object whose keys are not known beforehand. */
export const dictionary = (values: Schema | true, description?: string): Schema => ({
  type: 'object',
  additionalProperties: values,
  ...(description && { description }),
});

/** A name that ends in `?` may be missing. */
export function object(fields: Readonly<Record<string, Schema>>): Schema {
  const names = Object.keys(fields);
  return {
    type: 'object',
    properties: Object.fromEntries(Object.entries(fields).map(([name, schema]) => [name.replace(/\?$/, ''), schema])),
    required: names.filter((name) => !name.endsWith('?')),
  };
}

/** Body of an error answer (RFC 9457). */
export const PROBLEM = object({
  type: text(),
  title: text(),
  status: integer(),
  detail: text('What happened and the way out, for people'),
  code: text('For programs; never changes'),
  'errors?': list(object({ field: text(), message: text() }), 'Every field of the request that cannot be'),
});
