import { createContext, Script } from 'node:vm';

/** What one search may take. A pattern from a file can ask for more steps than there are atoms, and nothing else can stop it. */
const MATCH_TIMEOUT_MS = 100;

// In a context of its own only because the timeout asks for one; the pattern and the text are ours and the result is read back.
const box: { regexp: RegExp | undefined; text: string; match: RegExpExecArray | null } = {
  regexp: undefined,
  text: '',
  match: null,
};
const context = createContext(box);
const search = new Script('match = regexp.exec(text); undefined');

/** A RegExp whose searches end in time; as much of one as JSONata uses. */
export class GuardedRegExp {
  lastIndex = 0;
  private readonly regexp: RegExp;

  constructor(source: RegExp) {
    this.regexp = new RegExp(source);
  }

  exec(text: string): RegExpExecArray | null {
    this.regexp.lastIndex = this.lastIndex;
    const match = needsGuard(this.regexp.source) ? guarded(this.regexp, text) : this.regexp.exec(text);
    this.lastIndex = this.regexp.lastIndex;
    return match;
  }
}

/** Without repetition or choice a search is linear; the guard would cost more than the search. */
function needsGuard(source: string): boolean {
  return /[*+?{|]/.test(source);
}

function guarded(regexp: RegExp, text: string): RegExpExecArray | null {
  box.regexp = regexp;
  box.text = text;
  box.match = null;
  try {
    search.runInContext(context, { timeout: MATCH_TIMEOUT_MS });
    return box.match;
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw new Error(
      `the pattern /${regexp.source.slice(0, 80)}/ takes more than ${MATCH_TIMEOUT_MS} ms on this text; repeat less inside of what is repeated`,
      { cause: error },
    );
  } finally {
    box.regexp = undefined;
    box.text = '';
  }
}
