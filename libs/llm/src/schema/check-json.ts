import { Ajv, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { JsonSchema } from '../llm.request.js';
import { problemsOf } from './schema-problems.js';
import { withinTime } from './within-time.js';

const OPTIONS = { strict: false, validateSchema: false, validateFormats: false, logger: false, verbose: true } as const;

interface Checks {
  /** Ends with the first problem. */
  readonly first: ValidateFunction;
  readonly every: () => ValidateFunction;
  /** The pattern that is being searched for; stays when a search is given up. */
  readonly search: { pattern: string | undefined };
}

const known = new WeakMap<JsonSchema, Checks>();

/**
 * What is wrong with a value, one line per problem with its JSON pointer; empty when it matches. JSON Schema 2020-12, or draft 7
 * where `$schema` says so; `format` is an annotation, and a pattern that is none matches everything.
 * @throws Error for a schema that cannot be one, and when the check takes too long
 */
export function checkJson(value: unknown, schema: JsonSchema): string[] {
  const { first, every, search } = known.get(schema) ?? compile(schema);
  search.pattern = undefined;
  const sound = withinTime(() => first(value));
  if (sound === undefined) throw new Error(tooLong(search.pattern));
  if (sound.result) return [];
  // As many problems as it has values may take longer than there is time: then the first one must do.
  const validate = every();
  const all = withinTime(() => validate(value));
  return problemsOf((all ? validate.errors : first.errors) ?? []);
}

function compile(schema: JsonSchema): Checks {
  const search: Checks['search'] = { pattern: undefined };
  const regExp = Object.assign(
    (source: string) => {
      const regexp = regExpOf(source);
      return {
        test: (text: string) => {
          search.pattern = source;
          const found = regexp.test(text);
          search.pattern = undefined;
          return found;
        },
        // Ajv keeps patterns apart by their text.
        toString: () => String(regexp),
      };
    },
    { code: '' },
  );
  const options = { ...OPTIONS, code: { regExp } };
  const compileAs = (allErrors: boolean): ValidateFunction => {
    const drafts = [() => new Ajv2020({ ...options, allErrors }), () => new Ajv({ ...options, allErrors })];
    if (/draft-0[67]/.test(String(schema['$schema']))) drafts.reverse();
    return attempt(drafts, (make) => make().compile(schema));
  };
  const first = compileAs(false);
  let every: ValidateFunction | undefined;
  const checks = { first, every: () => (every ??= compileAs(true)), search };
  known.set(schema, checks);
  return checks;
}

/** What the first of them that does not throw comes to; else what the last one threw. */
function attempt<T, R>(ways: readonly T[], take: (way: T) => R): R {
  for (const way of ways.slice(0, -1)) {
    try {
      return take(way);
    } catch {
      // The next one may do.
    }
  }
  return take(ways.at(-1) as T);
}

/** Many patterns in use escape more than the `u` flag allows. One that is no pattern at all is ignored like an unknown keyword. */
function regExpOf(pattern: string): RegExp {
  const ways = [() => new RegExp(pattern, 'u'), () => new RegExp(pattern), () => /(?:)/];
  return attempt(ways, (make) => make());
}

function tooLong(pattern: string | undefined): string {
  return pattern === undefined
    ? 'the schema takes too long on this answer: its variants or references ask for too many steps'
    : `the pattern ${pattern.slice(0, 80)} of the schema takes too long on this answer; repeat less inside of what is repeated`;
}
