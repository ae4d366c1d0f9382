import { Ajv, type ValidateFunction } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { fullFormats } from 'ajv-formats/dist/formats.js';
import type { JsonSchema } from '../llm.request.js';
import { type Faults, faultsOf } from './schema-problems.js';
import { withinTime } from './within-time.js';

/** `url` of the package takes the square of a text's length; it is a name of `uri`. */
const FORMATS = { ...fullFormats, url: fullFormats.uri };
const OPTIONS = {
  ...({ strict: false, validateSchema: false, logger: false, verbose: true } as const),
  formats: FORMATS,
  // 19.99 is a multiple of 0.01, whatever the processor says.
  multipleOfPrecision: 9,
};

/** What is wrong with a value. @throws Error when it takes too long to find out */
export type SchemaCheck = (value: unknown) => Faults;

/**
 * JSON Schema 2020-12, or the draft that `$schema` says. A `format` that is not known is an annotation, and a pattern that is none matches
 * everything.
 * @throws Error for a schema that cannot be one, or refers to what is not in it
 */
export function compileSchema(schema: JsonSchema): SchemaCheck {
  /** The pattern that is being searched for; stays when a search is given up. */
  const search: { pattern: string | undefined } = { pattern: undefined };
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
    try {
      return attempt(draftsFor(schema), (Draft) => new Draft({ ...options, allErrors }).compile(schema));
    } catch (error) {
      const { missingRef } = error as { readonly missingRef?: string };
      throw missingRef === undefined
        ? error
        : new Error(`what its reference '${missingRef}' means is not in it: put it under $defs`, { cause: error });
    }
  };
  // Ends with the first problem.
  const first = compileAs(false);
  let every: ValidateFunction | undefined;
  return (value) => {
    search.pattern = undefined;
    const sound = withinTime(() => first(value));
    if (sound === undefined) throw new Error(tooLong(search.pattern));
    if (sound.result) return NO_FAULTS;
    // As many problems as it has values may take longer than there is time: then the first one must do.
    const validate = (every ??= compileAs(true));
    const all = withinTime(() => validate(value));
    return faultsOf((all ? validate.errors : first.errors) ?? []);
  };
}

const NO_FAULTS: Faults = { problems: [], nulls: [] };

/** The one that it names first. Tuples and references of older drafts are often written without saying so. */
function draftsFor({ $schema }: JsonSchema): readonly (typeof Ajv | typeof Ajv2019 | typeof Ajv2020)[] {
  const named = String($schema);
  if (/draft-0[4-7]/.test(named)) return [Ajv, Ajv2020];
  return named.includes('2019-09') ? [Ajv2019] : [Ajv2020, Ajv];
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
