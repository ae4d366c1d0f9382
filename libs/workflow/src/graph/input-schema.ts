import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { fullFormats } from 'ajv-formats/dist/formats.js';
import { guardedPattern } from '../expression/guarded-regexp.js';
import { DEFAULT_SANDBOX_LIMITS } from '../sandbox/sandbox.tasks.js';
import { TimeBudget } from '../sandbox/time-budget.js';
import type { JsonSchema } from './draft.js';

/** One thing wrong with an input. */
export interface InputProblem {
  /** Path of the field, e.g. `message.subject`; empty for the input as a whole. */
  readonly field: string;
  readonly message: string;
}

/** Problems that are told; one input may have one for each of its bytes. */
const MAX_PROBLEMS = 100;
/** Of an input with more values than this only the first problem is looked for: each costs time, and it may have as many. */
const MAX_VALUES = 5_000;

/** As answers of models are checked, see `OPTIONS` of the LLM package: the same schemas say the same of both. */
const OPTIONS = {
  ...({ strict: false, logger: false } as const),
  multipleOfPrecision: 9,
  formats: { ...fullFormats, url: fullFormats.uri },
};

/** Checks a run's input, in this process, and lists what is wrong with it. @throws Error when the schema itself is no JSON Schema. */
export function compileInputSchema(schema: JsonSchema): (input: unknown) => InputProblem[] {
  const budget = new TimeBudget();
  const regExp = Object.assign((pattern: string, flags: string) => guardedPattern(pattern, flags, budget), {
    code: '',
  });
  // One instance each: two workflows may use the same $id.
  const compile = (allErrors: boolean) => new Ajv2020({ ...OPTIONS, allErrors, code: { regExp } }).compile(schema);
  const first = compile(false);
  let every: typeof first | undefined;
  return (input) => {
    budget.start(DEFAULT_SANDBOX_LIMITS.timeoutMs);
    if (first(input)) return [];
    if (hasMoreValues(input, MAX_VALUES)) return (first.errors ?? []).map(toProblem);
    every ??= compile(true);
    every(input);
    return (every.errors ?? []).slice(0, MAX_PROBLEMS).map(toProblem);
  };
}

function hasMoreValues(input: unknown, most: number): boolean {
  const open = [input];
  for (const value of open) {
    if (typeof value !== 'object' || value === null) continue;
    for (const name in value) if (open.push((value as Record<string, unknown>)[name]) > most) return true;
  }
  return false;
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
