import jsonata from 'jsonata';
import { OVER_TIME } from '../sandbox/sandbox.tasks.js';
import { TimeBudget } from '../sandbox/time-budget.js';
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
  const budget = new TimeBudget();
  let turn = 0;
  const compiled = jsonata(source, {
    stack,
    sequence,
    RegexEngine: guardedRegExp(budget) as unknown as RegExpConstructor,
  });
  for (const [name, { run, signature }] of Object.entries(BUILT_INS))
    compiled.registerFunction(name, run as (...args: unknown[]) => unknown, signature);
  compiled.assign(AFTER_EACH_STEP, (_step: unknown, _input: unknown, _scope: unknown, result: unknown) => {
    // Doubling a text thirty times takes no time, and then all the memory there is.
    if (typeof result === 'string' && result.length > textLength)
      throw new Error(`a text of ${result.length} characters came up; at most ${textLength} are allowed`);
    if (budget.left() <= 0) throw new Error(OVER_TIME);
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
      budget.start(timeoutMs);
      return unmark(await compiled.evaluate(scope));
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
