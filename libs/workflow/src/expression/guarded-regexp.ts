import { createContext, Script } from 'node:vm';
import { cpuMs, type TimeBudget } from '../sandbox/time-budget.js';

/** What one search may take of a processor. A pattern from a file can ask for more steps than there are atoms, and nothing else can stop it. */
const MATCH_TIMEOUT_MS = 100;
/** A search that had no processor for most of its time is tried again with so many times that. */
const LONGER = 4;

// In a context of its own only because the timeout asks for one; the pattern and the text are ours and the result is read back.
const box: { regexp: RegExp | undefined; text: string; match: RegExpExecArray | null } = {
  regexp: undefined,
  text: '',
  match: null,
};
const context = createContext(box);
const search = new Script('match = regexp.exec(text); undefined');

/**
 * A RegExp whose searches end in time, each by itself and all together when the budget is used up: a text asks for as many searches as it
 * likes. As much of one as JSONata uses.
 */
export function guardedRegExp(budget: TimeBudget): new (source: RegExp) => Pick<RegExp, 'lastIndex' | 'exec'> {
  return class {
    lastIndex = 0;
    private readonly regexp: RegExp;

    constructor(source: RegExp) {
      this.regexp = new RegExp(source);
    }

    exec(text: string): RegExpExecArray | null {
      this.regexp.lastIndex = this.lastIndex;
      const match = needsGuard(this.regexp.source) ? guarded(this.regexp, text, budget) : this.regexp.exec(text);
      this.lastIndex = this.regexp.lastIndex;
      return match;
    }
  };
}

/** The same for whoever only asks whether a text matches, e.g. `code.regExp` of Ajv. */
export function guardedPattern(
  pattern: string,
  flags: string,
  budget: TimeBudget,
): { test(text: string): boolean; toString(): string } {
  const regexp = new RegExp(pattern, flags);
  return {
    // Ajv keeps patterns apart by their text.
    toString: () => String(regexp),
    test: (text) => (needsGuard(pattern) ? guarded(regexp, text, budget) !== null : regexp.test(text)),
  };
}

/** Without repetition or choice a search is linear; the guard would cost more than the search. */
function needsGuard(source: string): boolean {
  return /[*+?{|]/.test(source);
}

function guarded(regexp: RegExp, text: string, budget: TimeBudget): RegExpExecArray | null {
  const { lastIndex } = regexp;
  for (let timeout = MATCH_TIMEOUT_MS; ; timeout *= LONGER) {
    // One that was cut off right after it had matched has moved on.
    regexp.lastIndex = lastIndex;
    if (budget.left() <= 0) throw tooLong(regexp, 'more time than is left for all searches together');
    const before = cpuMs();
    try {
      return found(regexp, text, timeout);
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
      if (cpuMs() - before >= MATCH_TIMEOUT_MS) throw tooLong(regexp, `more than ${MATCH_TIMEOUT_MS} ms`, error);
    }
  }
}

function found(regexp: RegExp, text: string, timeout: number): RegExpExecArray | null {
  Object.assign(box, { regexp, text, match: null });
  try {
    search.runInContext(context, { timeout });
    return box.match;
  } finally {
    Object.assign(box, { regexp: undefined, text: '' });
  }
}

function tooLong({ source }: RegExp, time: string, cause?: unknown): Error {
  return new Error(
    `the pattern /${source.slice(0, 80)}/ takes ${time} on this text; repeat less inside of what is repeated`,
    { cause },
  );
}
