import jsonata from 'jsonata';
import { OVER_TIME } from '../sandbox/sandbox.tasks.js';
import { BUILT_INS } from './built-ins.js';
import { DEFAULT_EXPRESSION_LIMITS } from './expression.limits.js';
import { guardedRegExp } from './guarded-regexp.js';

/** JSONata's own hook; its types know only names. */
const AFTER_EACH_STEP = Symbol.for('jsonata.__evaluate_exit') as unknown as string;

/** What the event loop may be kept waiting before others have their turn. */
const SLICE_MS = 20;

/** A compiled source, to be evaluated in this process. */
export interface Jsonata {
  ast(): jsonata.ExprNode;
  evaluate(scope: Readonly<Record<string, unknown>>): Promise<unknown>;
}

/** @throws JSONata's own error, with `position`, for a text that is none. */
export function compileJsonata(source: string): Jsonata {
  const { timeoutMs, stack, sequence, textLength } = DEFAULT_EXPRESSION_LIMITS;
  let deadline = Infinity;
  let turn = 0;
  const compiled = jsonata(source, {
    timeout: timeoutMs,
    stack,
    sequence,
    RegexEngine: guardedRegExp(() => deadline) as unknown as RegExpConstructor,
  });
  for (const [name, { run, signature }] of Object.entries(BUILT_INS))
    compiled.registerFunction(name, run as (...args: unknown[]) => unknown, signature);
  compiled.assign(AFTER_EACH_STEP, (_step: unknown, _input: unknown, _scope: unknown, result: unknown) => {
    // Doubling a text thirty times takes no time, and then all the memory there is.
    if (typeof result === 'string' && result.length > textLength)
      throw new Error(`a text of ${result.length} characters came up; at most ${textLength} are allowed`);
    if (performance.now() < turn) return undefined;
    return new Promise<void>((resolve) => {
      setImmediate(() => {
        turn = performance.now() + SLICE_MS;
        resolve();
      });
    });
  });
  return {
    ast: () => compiled.ast(),
    async evaluate(scope) {
      turn = performance.now() + SLICE_MS;
      deadline = performance.now() + timeoutMs;
      try {
        return unmark(await compiled.evaluate(scope));
      } catch (error) {
        if ((error as { code?: unknown } | undefined)?.code === 'D1012') throw new Error(OVER_TIME, { cause: error });
        throw error;
      }
    },
  };
}

/** Lists that JSONata made carry a method of their own, which nothing can store or send. */
function unmark(root: unknown): unknown {
  const seen = new Set<object>();
  const open: unknown[] = [root];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    if (Array.isArray(value)) {
      if (Object.hasOwn(value, 'push')) delete (value as { push?: unknown }).push;
      for (const item of value as unknown[]) open.push(item);
    } else if (!(value instanceof Date)) {
      for (const key of Object.keys(value)) open.push((value as Record<string, unknown>)[key]);
    }
  }
  return root;
}
