import { createContext, Script } from 'node:vm';

/** Milliseconds that all patterns of one check may take together. */
const PATTERN_BUDGET_MS = 100;

/** A text as short as this ends every search in no time, and the guard costs more than that. */
const SHORT = 16;

const box: { regexp: RegExp | undefined; text: string; found: boolean } = { regexp: undefined, text: '', found: false };
// In a context of its own only because the timeout asks for one.
const context = createContext(box);
const search = new Script('found = regexp.test(text); undefined');

/** The time that is left to the patterns of one check: the pattern is from a file, the text from a model, and some pairs never end. */
export class PatternBudget {
  private leftMs = PATTERN_BUDGET_MS;

  /** @throws Error when no time is left */
  test(regexp: RegExp, text: string): boolean {
    if (text.length <= SHORT || !/[*+?{|]/.test(regexp.source)) return regexp.test(text);
    const started = performance.now();
    box.regexp = regexp;
    box.text = text;
    try {
      search.runInContext(context, { timeout: Math.max(1, Math.ceil(this.leftMs)) });
      return box.found;
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
      throw new Error(
        `the pattern ${regexp.source.slice(0, 80)} of the schema takes more than ${PATTERN_BUDGET_MS} ms on this answer; repeat less inside of what is repeated`,
        { cause: error },
      );
    } finally {
      this.leftMs -= performance.now() - started;
      box.regexp = undefined;
      box.text = '';
    }
  }
}
