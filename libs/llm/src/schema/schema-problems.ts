import type { ErrorObject } from 'ajv';

/** What is wrong with an answer. */
export interface Faults {
  /** One line each, with its JSON pointer; none when the answer matches. */
  readonly problems: readonly string[];
  /** Pointers of the nulls that are among them. */
  readonly nulls: readonly string[];
}

/** Problems that are looked at; one answer may have one for each of its bytes. */
const MAX_PROBLEMS = 1_000;

/** Each with its JSON pointer, in words that tell a model what to change. */
export function faultsOf(errors: readonly ErrorObject[]): Faults {
  const told = withNearestVariants(errors.slice(0, MAX_PROBLEMS));
  return {
    problems: told.map(problemOf),
    nulls: told.filter(({ data }) => data === null).map(({ instancePath }) => instancePath),
  };
}

/** Of variants of which none fits, the problems of the one with the fewest are what is most likely to help. */
function withNearestVariants(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  // Outer variants come after those inside of them.
  return errors.reduceRight<readonly ErrorObject[]>((kept, error) => {
    if ((error.keyword !== 'anyOf' && error.keyword !== 'oneOf') || !kept.includes(error)) return kept;
    const variants = (error.schema as { readonly $ref?: string }[])
      .map((variant, index) => {
        const places = [`${error.schemaPath}/${index}/`, ...(variant.$ref ? [`${variant.$ref}/`] : [])];
        return kept.filter(
          ({ schemaPath, instancePath }) =>
            instancePath.startsWith(error.instancePath) && places.some((place) => schemaPath.startsWith(place)),
        );
      })
      .filter((problems) => problems.length > 0);
    const [nearest] = [...variants].sort((a, b) => a.length - b.length);
    if (!nearest) return kept;
    const others = new Set(variants.flat().filter((one) => !nearest.includes(one)));
    return kept.filter((one) => one !== error && !others.has(one));
  }, errors);
}

function problemOf({ instancePath, keyword, params, schema, data, message }: ErrorObject): string {
  const at = instancePath === '' ? 'the answer' : instancePath;
  const { missingProperty, additionalProperty, unevaluatedProperty, passingSchemas } = params as Record<
    string,
    unknown
  >;
  switch (keyword) {
    case 'required':
      return `${instancePath}/${String(missingProperty)} is missing`;
    case 'additionalProperties':
    case 'unevaluatedProperties':
      return `${instancePath}/${String(additionalProperty ?? unevaluatedProperty)} is not allowed`;
    case 'false schema':
      return `${at} is not allowed`;
    case 'not':
      return `${at} must not match ${JSON.stringify(schema).slice(0, 200)}`;
    case 'type':
      return `${at} must be ${[schema].flat().join(' or ')}, got ${typeName(data)}`;
    case 'enum':
      return `${at} must be one of ${(schema as unknown[]).map((one) => JSON.stringify(one)).join(', ')}, got ${JSON.stringify(data)}`;
    case 'const':
      return `${at} must be ${JSON.stringify(schema)}`;
    case 'pattern':
      return `${at} must match ${String(schema)}`;
    case 'oneOf':
      return passingSchemas ? `${at} must match only one of its variants` : `${at} matches none of its variants`;
    default:
      return `${at} ${message ?? 'is not valid'}`;
  }
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}
