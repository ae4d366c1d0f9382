import jsonata from 'jsonata';
import { canonicalJson } from '../graph/version.js';
import { GuardedRegExp } from './guarded-regexp.js';
import { plainPath, type ReadPath, readPaths } from './references.js';

/** JSONata's own hook; its types know only names. */
const AFTER_EACH_STEP = Symbol.for('jsonata.__evaluate_exit') as unknown as string;

/** What an expression sees: the run's `input` and the results of the nodes that came before, by node name. */
export type Scope = Readonly<Record<string, unknown>>;

/** Bounds of one evaluation: an expression comes from a file, its data from anywhere. */
export const DEFAULT_EXPRESSION_LIMITS = {
  /** Milliseconds one evaluation may take. */
  timeoutMs: 1_000,
  /** Depth of function calls. */
  stack: 200,
  /** Items in one sequence. */
  sequence: 100_000,
  /** Characters of any text that comes up while it is evaluated. */
  textLength: 4_194_304,
  /** Characters of the source text. */
  sourceLength: 20_000,
} as const;

/** A text that is no JSONata; `position` counts characters from 0. */
export class ExpressionSyntaxError extends Error {
  constructor(
    readonly source: string,
    readonly position: number,
    reason: string,
  ) {
    super(`cannot read the expression ${quote(source)}: ${reason}`);
    this.name = new.target.name;
  }
}

/** An expression that failed on the data it was given. Never worth a retry: the same data gives the same answer. */
export class ExpressionError extends Error {
  readonly isRetryable = false;

  constructor(source: string, reason: string) {
    super(`the expression ${quote(source)} failed: ${reason}`);
    this.name = new.target.name;
  }
}

/** A compiled JSONata expression. It can read its scope and compute; it reaches no globals, prototypes or I/O. */
export interface Expression {
  readonly source: string;
  /** What it reads from its scope, as far as the text tells. */
  readonly paths: readonly ReadPath[];
  /** When it is one path and nothing else, that path; filters aside. */
  readonly path: ReadPath | undefined;
  /** The first names of {@link paths}. */
  readonly reads: ReadonlySet<string>;
  evaluate(scope: Scope): Promise<unknown>;
}

/** @throws {@link ExpressionSyntaxError} */
export function compileExpression(source: string): Expression {
  const limits = DEFAULT_EXPRESSION_LIMITS;
  if (source.length > limits.sourceLength) {
    throw new ExpressionSyntaxError(source, 0, `it is longer than ${limits.sourceLength} characters`);
  }
  let compiled: jsonata.Expression;
  try {
    compiled = jsonata(source, {
      timeout: limits.timeoutMs,
      stack: limits.stack,
      sequence: limits.sequence,
      RegexEngine: GuardedRegExp as unknown as RegExpConstructor,
    });
  } catch (error) {
    const { message, position } = error as jsonata.JsonataError;
    throw new ExpressionSyntaxError(source, position ?? 0, message);
  }
  // $eval would run text that came in as data; $pad can ask for gigabytes in one call that no guard interrupts.
  compiled.registerFunction('eval', () => refuse('$eval is not available in workflows'));
  compiled.registerFunction('pad', pad);
  compiled.registerFunction('distinct', distinct);
  // Doubling a text thirty times takes no time, and then all the memory there is.
  compiled.assign(AFTER_EACH_STEP, (_step: unknown, _input: unknown, _scope: unknown, result: unknown) => {
    if (typeof result === 'string' && result.length > limits.textLength)
      refuse(`a text of ${result.length} characters came up; at most ${limits.textLength} are allowed`);
  });
  const ast = compiled.ast();
  const paths = readPaths(ast);
  return {
    source,
    paths,
    path: plainPath(ast),
    reads: new Set(paths.flatMap(([name]) => name ?? [])),
    async evaluate(scope) {
      try {
        return (await compiled.evaluate(scope)) as unknown;
      } catch (error) {
        throw new ExpressionError(source, (error as Error).message ?? String(error));
      }
    },
  };
}

function pad(text: unknown, width: unknown, filler: unknown = ' '): string | undefined {
  if (typeof text !== 'string' || typeof width !== 'number') return undefined;
  if (Math.abs(width) > DEFAULT_EXPRESSION_LIMITS.sequence) refuse(`$pad to ${width} characters is too wide`);
  const fill = typeof filler === 'string' && filler ? filler : ' ';
  return width < 0 ? text.padStart(-width, fill) : text.padEnd(width, fill);
}

/** The library's own compares each with each, in one call that no guard interrupts. */
function distinct(items: unknown): unknown {
  if (!Array.isArray(items)) return items;
  const seen = new Map<unknown, unknown>();
  for (const item of items as unknown[]) {
    const key = typeof item === 'object' && item !== null ? `json:${canonicalJson(item)}` : item;
    if (!seen.has(key)) seen.set(key, item);
  }
  return [...seen.values()];
}

function refuse(reason: string): never {
  throw new Error(reason);
}

function quote(source: string): string {
  return `'${source.length > 80 ? `${source.slice(0, 77)}...` : source}'`;
}
