import type { WorkflowDraft } from './draft.js';
import type { WorkflowProblem } from './errors.js';

/** Collects what is wrong with one draft, each with its place in the file. */
export class ProblemList {
  readonly problems: WorkflowProblem[] = [];

  constructor(private readonly draft: WorkflowDraft) {}

  add(message: string, node?: string, path: readonly (string | number)[] = node ? ['nodes', node] : []): void {
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
