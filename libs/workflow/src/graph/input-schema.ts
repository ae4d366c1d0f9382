import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import type { JsonSchema } from './draft.js';

/** One thing wrong with an input. */
export interface InputProblem {
  /** Path of the field, e.g. `message.subject`; empty for the input as a whole. */
  readonly field: string;
  readonly message: string;
}

/** Checks a run's input and lists everything that is wrong with it. @throws Error when the schema itself is no JSON Schema. */
export function compileInputSchema(schema: JsonSchema): (input: unknown) => InputProblem[] {
  // One instance each: two workflows may use the same $id. `format` is an annotation, as the draft has it by default.
  const ajv = new Ajv2020({ allErrors: true, strict: false, validateFormats: false, logger: false });
  const validate = ajv.compile(schema);
  return (input) => (validate(input) ? [] : (validate.errors ?? []).slice(0, 100).map(toProblem));
}

function toProblem({ instancePath, keyword, params, message }: ErrorObject): InputProblem {
  const parent = instancePath.slice(1).replaceAll('/', '.').replaceAll('~1', '/').replaceAll('~0', '~');
  const detail = params as Record<string, unknown>;
  const child =
    keyword === 'required'
      ? detail['missingProperty']
      : keyword === 'additionalProperties'
        ? detail['additionalProperty']
        : undefined;
  const field = [parent, child].filter((part) => typeof part === 'string' && part !== '').join('.');
  if (keyword === 'required') return { field, message: 'is missing' };
  if (keyword === 'additionalProperties') return { field, message: 'is not a known field' };
  if (keyword === 'enum')
    return {
      field,
      message: `must be one of ${(detail['allowedValues'] as unknown[]).map((v) => JSON.stringify(v)).join(', ')}`,
    };
  return { field, message: message ?? 'is not valid' };
}
