import type { WorkflowDraft } from './draft.js';
import type { WorkflowProblem } from './errors.js';

/** More than anybody reads at once; each may cost a search through all names. */
export const MAX_PROBLEMS = 100;

/** Collects what is wrong with one draft, each with its place in the file. */
export class ProblemList {
  readonly problems: WorkflowProblem[] = [];

  constructor(private readonly draft: WorkflowDraft) {}

  get full(): boolean {
    return this.problems.length >= MAX_PROBLEMS;
  }

  /** Further problems of a full list are left out. */
  add(message: string, node?: string, path: readonly (string | number)[] = node ? ['nodes', node] : []): void {
    if (this.full) return;
    const { name, file } = this.draft;
    const place = this.draft.locate?.(path);
    this.problems.push({
      workflow: name,
      message,
      ...(node !== undefined && { node }),
      ...(file && { file }),
      ...place,
    });
  }

  /** Runs a compile step; what it throws becomes a problem. */
  attempt<T>(compile: () => T, node: string | undefined, path: readonly (string | number)[]): T | undefined {
    try {
      return compile();
    } catch (error) {
      this.add((error as Error).message, node, path);
      return undefined;
    }
  }
}
