import { didYouMean } from '@nest-resilience/core/kit';
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { MAX_PROBLEMS } from '../../graph/problems.js';
import { ANY_POLICIES } from './policy.schema.js';
import { workflowFileSchema } from './workflow.schema.js';

/** One violation of the schema. */
export interface SchemaProblem {
  readonly path: readonly string[];
  readonly message: string;
}

const validate = new Ajv2020({ allErrors: true, strict: false, verbose: true, logger: false }).compile(
  workflowFileSchema(ANY_POLICIES),
);

/** Checks the shape of a file, all but the options of policies, and lists everything that is wrong with it. */
export function schemaProblems(value: unknown): SchemaProblem[] {
  if (validate(value)) return [];
  // Each branch of a oneOf reports why it did not match: only the oneOf itself says something to the author.
  return (validate.errors ?? [])
    .filter((error) => !/\/(oneOf|anyOf)\/\d/.test(error.schemaPath))
    .slice(0, MAX_PROBLEMS)
    .flatMap((error) => toProblem(error) ?? []);
}

function toProblem(error: ErrorObject): SchemaProblem | undefined {
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  const params = error.params as Record<string, unknown>;
  switch (error.keyword) {
    case 'additionalProperties': {
      const name = String(params['additionalProperty']);
      const known = Object.keys((error.parentSchema?.['properties'] as object | undefined) ?? {});
      return {
        path: [...path, name],
        message: `'${name}' is not known here${didYouMean(name, known)}; known: ${known.join(', ')}`,
      };
    }
    case 'required':
      return { path, message: `'${String(params['missingProperty'])}' is missing` };
    case 'oneOf': {
      const choices = (error.schema as { required: string[] }[]).flatMap(({ required }) => required);
      return { path, message: `needs exactly one of ${choices.join(', ')}` };
    }
    case 'enum':
      return { path, message: `${label(path)} must be one of ${(params['allowedValues'] as unknown[]).join(', ')}` };
    case 'pattern':
      return { path, message: `${label(path)} must be letters, digits, - and _, at most 100` };
    case 'anyOf':
      return { path, message: `${label(path)} has no value that is allowed here` };
    default:
      return { path, message: `${label(path)} ${error.message ?? 'is not valid'}` };
  }
}

function label(path: readonly string[]): string {
  return path.length === 0 ? 'the file' : `'${path.at(-1)}'`;
}
