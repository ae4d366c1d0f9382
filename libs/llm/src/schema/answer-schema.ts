import { asSchema, type FlexibleSchema } from 'ai';
import type { JsonSchema, LlmSchema } from '../llm.request.js';
import { checkJson } from './check-json.js';
import { readJson } from './read-json.js';

export type CheckedAnswer<T> =
  | { readonly ok: true; readonly object: T }
  | { readonly ok: false; readonly problems: readonly string[]; readonly cause?: unknown };

/** A schema of any kind, reduced to what the chain needs: a JSON Schema to send, and a check of what comes back. */
export interface AnswerSchema<T> {
  readonly jsonSchema: JsonSchema;
  check(text: string): Promise<CheckedAnswer<T>>;
}

/** Accepts zod, Standard Schema, `jsonSchema()` and `zodSchema()` of `ai`, functions that make one, and plain JSON Schema. */
export async function answerSchema<T>(schema: LlmSchema<T>): Promise<AnswerSchema<T>> {
  if (isPlainJsonSchema(schema)) return forJsonSchema<T>(schema);
  const { jsonSchema, validate } = asSchema(schema as FlexibleSchema<T>);
  const resolved = (await jsonSchema) as JsonSchema;
  if (validate === undefined) return forJsonSchema<T>(resolved);
  return {
    jsonSchema: resolved,
    async check(text) {
      const read = readJson(text);
      if (!read.ok) return { ok: false, problems: [read.problem] };
      const result = await guarded(() => validate(read.value));
      return result.success
        ? { ok: true, object: result.value }
        : { ok: false, problems: problemsOf(result.error), cause: result.error };
    },
  };
}

/** A check that throws (a refinement that expects another shape, a schema that contains itself) has not accepted the answer. */
async function guarded<R>(
  validate: () => R | PromiseLike<R>,
): Promise<R | { readonly success: false; readonly error: Error }> {
  try {
    return await validate();
  } catch (error) {
    return { success: false, error: error instanceof Error ? error : new Error(String(error)) };
  }
}

function forJsonSchema<T>(jsonSchema: JsonSchema): AnswerSchema<T> {
  return {
    jsonSchema,
    async check(text) {
      const read = readJson(text);
      if (!read.ok) return { ok: false, problems: [read.problem] };
      const result = await guarded(() => {
        const problems = checkJson(read.value, jsonSchema);
        return { success: true, problems } as const;
      });
      if (!result.success) return { ok: false, problems: [result.error.message], cause: result.error };
      const { problems } = result;
      return problems.length === 0 ? { ok: true, object: read.value as T } : { ok: false, problems };
    },
  };
}

/** Every other kind is a function or marks itself with a symbol or a `~standard` or `_def` property. */
function isPlainJsonSchema(schema: LlmSchema): schema is JsonSchema {
  if (typeof schema !== 'object' || schema === null) return false;
  return (
    !('~standard' in schema) &&
    !('_def' in schema) &&
    !('validate' in schema) &&
    Object.getOwnPropertySymbols(schema).length === 0
  );
}

interface Issue {
  readonly path?: readonly unknown[];
  readonly message?: string;
}

/** One line per issue of zod (`error.issues`) or Standard Schema (`error.cause`, a list); else the message. */
function problemsOf(error: Error): string[] {
  const issues = [
    (error as { issues?: unknown }).issues,
    error.cause,
    (error.cause as { issues?: unknown } | undefined)?.issues,
  ].find(Array.isArray) as readonly Issue[] | undefined;
  if (issues === undefined || issues.length === 0) return [error.message];
  return issues.map(({ path = [], message = 'is invalid' }) => `${pointer(path)} ${message}`);
}

function pointer(path: readonly unknown[]): string {
  if (path.length === 0) return 'the answer:';
  const keys = path.map((step) => (typeof step === 'object' && step !== null && 'key' in step ? step.key : step));
  return `/${keys.map(String).join('/')}:`;
}
