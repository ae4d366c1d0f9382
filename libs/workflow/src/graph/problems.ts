import { ResilienceOptionsError } from '@nest-resilience/core';
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

  /** Reads options whose path begins with what has them; each that is refused becomes a problem where it stands. */
  options<T>(
    read: () => T,
    node: string | undefined,
    /** What a workflow takes beside what the option takes itself. */
    also: (option: string) => string = () => '',
  ): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ResilienceOptionsError)) throw error;
      for (const { path, allowed } of error.problems) {
        const [, ...words] = path.split(' > ');
        const at = node === undefined ? words : ['nodes', node, ...words];
        this.add(`${words.join(' > ')}: expected ${allowed}${also(words.at(-1) ?? '')}`, node, at);
      }
      return undefined;
    }
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
