import { ResilienceOptionsError } from '@nest-resilience/core';
import { readJsonSchema, RecentMap } from '@nest-resilience/core/kit';
import { asSchema, type FlexibleSchema } from 'ai';
import type { JsonSchema, LlmSchema } from '../llm.request.js';
import { compileSchema } from './check-json.js';
import { at, pointerOf, removeField } from './pointer.js';
import { type Mend, readJson } from './read-json.js';
import type { Faults } from './schema-problems.js';

export type CheckedAnswer<T> =
  | {
      readonly ok: true;
      readonly object: T;
      /** What had to be mended first. */
      readonly mended: readonly Mend[];
    }
  | { readonly ok: false; readonly problems: readonly string[]; readonly cause?: unknown };

/** A schema of any kind, reduced to what the chain needs: a JSON Schema to send, and a check of what comes back. */
export interface AnswerSchema<T> {
  readonly jsonSchema: JsonSchema;
  check(text: string): Promise<CheckedAnswer<T>>;
}

type Verdict<T> =
  { readonly ok: true; readonly object: T } | ({ readonly ok: false; readonly cause?: unknown } & Faults);

/**
 * Accepts zod, Standard Schema, `jsonSchema()` and `zodSchema()` of `ai`, functions that make one, and plain JSON Schema.
 * @throws ResilienceOptionsError for what is none, and for a JSON Schema that no answer can be checked against
 */
export async function answerSchema<T>(schema: LlmSchema<T>): Promise<AnswerSchema<T>> {
  if (isPlainJsonSchema(schema)) return forJsonSchema<T>(schema);
  const known = typeof schema === 'function' || (typeof schema === 'object' && schema !== null);
  if (!known) throw unusable(schema, 'a zod schema, a Standard Schema or a JSON Schema object');
  const { jsonSchema, validate } = asSchema(schema as FlexibleSchema<T>);
  const resolved = (await jsonSchema) as JsonSchema;
  if (validate === undefined) return forJsonSchema<T>(resolved);
  return checking<T>(resolved, async (value) => {
    const result = await validate(value);
    if (result.success) return { ok: true, object: result.value };
    return { ok: false, ...faultsOfIssues(result.error, value), cause: result.error };
  });
}

const KEPT = 200;
/** Compiling takes milliseconds, and schemas are written where they are used: each call brings a new object with the same text. */
const compiled = new RecentMap<AnswerSchema<unknown>>(KEPT);
const compiledOf = new WeakMap<JsonSchema, AnswerSchema<unknown>>();

function forJsonSchema<T>(schema: JsonSchema): AnswerSchema<T> {
  let found = compiledOf.get(schema);
  if (!found) {
    try {
      const text = JSON.stringify(schema);
      found = compiled.use(text) ?? compileJsonSchema(schema);
      compiled.set(text, found);
    } catch (error) {
      throw unusable(schema, `a JSON Schema that stands alone; ${(error as Error).message}`);
    }
    compiledOf.set(schema, found);
  }
  return found as AnswerSchema<T>;
}

function compileJsonSchema(schema: JsonSchema): AnswerSchema<unknown> {
  const jsonSchema = readJsonSchema(schema);
  const check = compileSchema(jsonSchema);
  return checking(jsonSchema, (value) => {
    const faults = check(value);
    return faults.problems.length === 0 ? { ok: true, object: value } : { ok: false, ...faults };
  });
}

function unusable(value: unknown, allowed: string): ResilienceOptionsError {
  return new ResilienceOptionsError([{ path: 'LlmService > schema', value, allowed }]);
}

type Verify<T> = (value: unknown) => Verdict<T> | Promise<Verdict<T>>;

/** Of the values in an answer the first that fits is the one; else the likeliest one tells what is wrong. */
function checking<T>(jsonSchema: JsonSchema, verify: Verify<T>): AnswerSchema<T> {
  return {
    jsonSchema,
    async check(text) {
      const read = readJson(text);
      if (!read.ok) return { ok: false, problems: [read.problem] };
      let refused: CheckedAnswer<T> | undefined;
      for (const { value, mended, lost } of read.found) {
        const checked =
          lost.length > 0 ? ({ ok: false, problems: lost } as const) : await mending(value, mended, verify);
        if (checked.ok) return checked;
        refused ??= checked;
      }
      return refused ?? { ok: false, problems: ['the answer is empty'] };
    },
  };
}

/** Null is what many models write for a field that they leave out. */
async function mending<T>(value: unknown, mended: readonly Mend[], verify: Verify<T>): Promise<CheckedAnswer<T>> {
  const verdict = await guarded(value, verify);
  if (verdict.ok) return { ...verdict, mended };
  if (verdict.nulls.length > 0) {
    for (const pointer of verdict.nulls) removeField(value, pointer);
    const second = await guarded(value, verify);
    if (second.ok) return { ...second, mended: [...mended, 'nulls'] };
  }
  const { problems, cause } = verdict;
  return { ok: false, problems, ...(cause !== undefined && { cause }) };
}

/** A check that throws (a refinement that expects another shape, a pattern that takes too long) has not accepted the answer. */
async function guarded<T>(value: unknown, verify: Verify<T>): Promise<Verdict<T>> {
  try {
    return await verify(value);
  } catch (error) {
    const cause = error instanceof Error ? error : new Error(String(error));
    return { ok: false, problems: [cause.message], nulls: [], cause };
  }
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
function faultsOfIssues(error: Error, value: unknown): Faults {
  const issues = [
    (error as { issues?: unknown }).issues,
    error.cause,
    (error.cause as { issues?: unknown } | undefined)?.issues,
  ].find(Array.isArray) as readonly Issue[] | undefined;
  if (issues === undefined || issues.length === 0) return { problems: [error.message], nulls: [] };
  const pointers = issues.map(({ path = [] }) => pointerOf(path));
  return {
    problems: issues.map(({ message = 'is invalid' }, index) => `${pointers[index] || 'the answer'}: ${message}`),
    nulls: pointers.filter((pointer) => at(value, pointer) === null),
  };
}
