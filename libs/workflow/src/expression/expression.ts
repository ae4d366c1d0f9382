import { pack } from '../sandbox/parcel.js';
import { sandbox, SandboxUnavailableError } from '../sandbox/sandbox.js';
import { isCheap, isLinear } from './cost.js';
import { withLazy } from './lazy-value.js';
import { DEFAULT_EXPRESSION_LIMITS } from './expression.limits.js';
import { compileJsonata, type Jsonata } from './jsonata.js';
import { plainPath, readPath, THROUGH_LIST } from './plain-path.js';
import { filteredPath, type Node, reachableNames, type ReadNames, type ReadPath, readPaths } from './references.js';

/** What an expression sees: the run's `input` and the results of the nodes that came before, by node name. */
export type Scope = Readonly<Record<string, unknown>>;

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
  readonly reads: ReadNames;
  evaluate(scope: Scope): Promise<unknown>;
}

/** @throws {@link ExpressionSyntaxError} */
export function compileExpression(source: string): Expression {
  const { sourceLength } = DEFAULT_EXPRESSION_LIMITS;
  if (source.length > sourceLength)
    throw new ExpressionSyntaxError(source, 0, `it is longer than ${sourceLength} characters`);
  let compiled: Jsonata;
  try {
    compiled = compileJsonata(source);
  } catch (error) {
    const { message, position } = error as { message: string; position?: number };
    throw new ExpressionSyntaxError(source, position ?? 0, message);
  }
  const ast = compiled.ast() as unknown as Node;
  const paths = readPaths(ast);
  const plain = plainPath(ast);
  const linear = isLinear(ast);
  const reachable = reachableNames(ast);
  const needed = plain?.slice(0, 1) ?? reachable;
  return {
    source,
    paths,
    path: filteredPath(ast),
    reads: new Set(paths.flatMap(([name]) => name ?? [])),
    async evaluate(given) {
      const late = withLazy(given, needed);
      const scope = late instanceof Promise ? await late : late;
      const value = plain ? readPath(plain, scope) : THROUGH_LIST;
      if (value !== THROUGH_LIST) return value;
      const seen = reachable ? pick(scope, reachable) : scope;
      try {
        if (linear && isCheap(source.length, seen)) return await compiled.evaluate(seen);
        return await evaluateElsewhere(source, seen, compiled);
      } catch (error) {
        throw new ExpressionError(source, (error as Error).message ?? String(error));
      }
    },
  };
}

/** What nobody can tell the cost of is evaluated by another process, unless it works on objects that only this one has. */
async function evaluateElsewhere(source: string, given: Scope, compiled: Jsonata): Promise<unknown> {
  const scope = pack(given);
  if (!scope) return compiled.evaluate(given);
  try {
    return await sandbox.run({ type: 'evaluate', source, scope });
  } catch (error) {
    if (error instanceof SandboxUnavailableError) return compiled.evaluate(given);
    throw error;
  }
}

function pick(scope: Scope, names: ReadNames): Scope {
  return Object.fromEntries(Object.entries(scope).filter(([name]) => names.has(name)));
}

function quote(source: string): string {
  return `'${source.length > 80 ? `${source.slice(0, 77)}...` : source}'`;
}
