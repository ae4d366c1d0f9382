type Schema = Readonly<Record<string, unknown>>;

/** Keywords whose value is a schema, a list of them, or a table of them by name. */
const NESTED: ReadonlySet<string> = new Set(
  (
    'additionalItems additionalProperties allOf anyOf contains contentSchema else if items not oneOf prefixItems propertyNames ' +
    'then unevaluatedItems unevaluatedProperties'
  ).split(' '),
);
const TABLES: ReadonlySet<string> = new Set(
  '$defs definitions dependencies dependentSchemas patternProperties properties'.split(' '),
);
/** Those that look at the same value again. */
const SAME_VALUE: ReadonlySet<string> = new Set(
  'allOf anyOf dependencies dependentSchemas else if not oneOf then'.split(' '),
);

/**
 * A schema as JSON Schema has it: what OpenAPI 3.0 says in other words (`nullable: true`, `exclusiveMinimum: true`) is said in these. The
 * same object when there is nothing to change.
 * @throws Error when its references lead around in a circle without any step into the value, so that no check could end
 */
export function readJsonSchema(schema: Schema): Schema {
  const read = mapSchemas(schema, inJsonSchema);
  refuseCircles(read);
  return read;
}

/** Changes a schema and all schemas inside of it, the inner ones first. */
export function mapSchemas(schema: Schema, change: (schema: Schema) => Schema): Schema {
  let changed: Record<string, unknown> | undefined;
  for (const [keyword, value] of Object.entries(schema)) {
    const mapped = TABLES.has(keyword)
      ? mapTable(value, (one) => mapNested(one, change))
      : NESTED.has(keyword)
        ? mapNested(value, change)
        : value;
    if (mapped !== value) changed = { ...(changed ?? schema), [keyword]: mapped };
  }
  return change(changed ?? schema);
}

function mapNested(value: unknown, change: (schema: Schema) => Schema): unknown {
  if (isSchema(value)) return mapSchemas(value, change);
  if (!Array.isArray(value)) return value;
  const mapped = value.map((one: unknown) => mapNested(one, change));
  return mapped.some((one, index) => one !== value[index]) ? mapped : value;
}

function mapTable(table: unknown, change: (value: unknown) => unknown): unknown {
  if (!isSchema(table)) return table;
  const entries = Object.entries(table).map(([name, value]) => [name, change(value)] as const);
  return entries.some(([name, value]) => value !== table[name]) ? Object.fromEntries(entries) : table;
}

/** What other schemas refer to stays at the root. */
const AT_THE_ROOT = ['$schema', '$id', '$defs', 'definitions'];
/** Beside these a further type would not let null through. */
const FURTHER = ['$ref', '$dynamicRef', 'allOf', 'anyOf', 'oneOf', 'not', 'if', 'const'];

function inJsonSchema(schema: Schema): Schema {
  const plain = withPlainBounds(schema);
  const { nullable, ...rest } = plain;
  if (typeof nullable !== 'boolean') return plain;
  if (!nullable) return rest;
  const { type } = rest;
  const types = Array.isArray(type) ? (type as unknown[]) : [type];
  if (type !== undefined && !FURTHER.some((keyword) => keyword in rest)) {
    const choices = rest['enum'];
    return {
      ...rest,
      type: types.includes('null') ? type : [...types, 'null'],
      ...(Array.isArray(choices) && !choices.includes(null) && { enum: [...(choices as unknown[]), null] }),
    };
  }
  const pick = (wanted: boolean) =>
    Object.fromEntries(Object.entries(rest).filter(([keyword]) => AT_THE_ROOT.includes(keyword) === wanted));
  return { ...pick(true), anyOf: [pick(false), { type: 'null' }] };
}

/** `exclusiveMinimum: true` beside `minimum: 3` is `exclusiveMinimum: 3`. */
function withPlainBounds(schema: Schema): Schema {
  let plain = schema;
  for (const [exclusive, bound] of [
    ['exclusiveMinimum', 'minimum'],
    ['exclusiveMaximum', 'maximum'],
  ] as const) {
    // prettier-ignore
    if (typeof schema[exclusive] !== 'boolean') continue;
    const { [exclusive]: isExclusive, [bound]: limit, ...rest } = plain;
    plain = { ...rest, ...(limit !== undefined && { [isExclusive ? exclusive : bound]: limit }) };
  }
  return plain;
}

function refuseCircles(root: Schema): void {
  const seen = new Map<Schema, 'open' | 'done'>();
  const all: { readonly schema: Schema; readonly base: Schema }[] = [];
  const visit = (schema: Schema, outer: Schema, by: string): void => {
    const state = seen.get(schema);
    if (state === 'open')
      throw new Error(
        `its reference '${by}' leads back to itself without a step into the value; no check of it would end`,
      );
    if (state === 'done') return;
    seen.set(schema, 'open');
    const base = typeof schema['$id'] === 'string' ? schema : outer;
    all.push({ schema, base });
    for (const [keyword, value] of Object.entries(schema)) {
      if (keyword === '$ref' || keyword === '$dynamicRef') {
        const target = resolve(value, base);
        if (target) visit(target, base, String(value));
      } else if (SAME_VALUE.has(keyword)) {
        for (const inner of schemasIn(value, TABLES.has(keyword))) visit(inner, base, by);
      }
    }
    seen.set(schema, 'done');
  };
  visit(root, root, '#');
  // What is reached by a step into the value begins anew.
  for (const { schema, base } of all)
    for (const [keyword, value] of Object.entries(schema))
      if (NESTED.has(keyword) || TABLES.has(keyword))
        for (const inner of schemasIn(value, TABLES.has(keyword))) visit(inner, base, '#');
}

function schemasIn(value: unknown, isTable: boolean): Schema[] {
  if (!isSchema(value)) return Array.isArray(value) ? value.filter(isSchema) : [];
  return isTable ? Object.values(value).filter(isSchema) : [value];
}

/** What a reference inside of the document means; others are for whoever compiles the schema. */
function resolve(reference: unknown, base: Schema): Schema | undefined {
  if (typeof reference !== 'string' || !/^#(?:\/|$)/.test(reference)) return undefined;
  let at: unknown = base;
  for (const step of reference.length > 1 ? reference.slice(2).split('/') : []) {
    const name = decoded(step).replaceAll('~1', '/').replaceAll('~0', '~');
    at = typeof at === 'object' && at !== null && Object.hasOwn(at, name) ? (at as Schema)[name] : undefined;
  }
  return isSchema(at) ? at : undefined;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
