import { ResilienceError } from '@nest-resilience/core';

/** One thing wrong with a workflow. */
export interface WorkflowProblem {
  readonly workflow: string;
  /** The node it is about, if it is about one. */
  readonly node?: string;
  readonly message: string;
  readonly file?: string;
  /** From 1. */
  readonly line?: number;
  /** From 1. */
  readonly column?: number;
}

/** Workflows that cannot be built, with every problem of every file at once. Raised while the application boots. */
export class WorkflowDefinitionError extends ResilienceError {
  constructor(readonly problems: readonly WorkflowProblem[]) {
    super(
      `${problems.length === 1 ? 'A workflow has a problem' : `Workflows have ${problems.length} problems`}:\n` +
        problems.map((problem) => `  - ${describeProblem(problem)}`).join('\n'),
      'RESILIENCE_WORKFLOW_DEFINITION',
      problems[0]?.workflow ?? 'workflow',
    );
  }

  /** The file of the first problem that has one. */
  get file(): string | undefined {
    return this.problems.find((problem) => problem.file)?.file;
  }
}

/** `workflows/triage.yaml:12:5: triage > reply: ...`. */
export function describeProblem({ workflow, node, message, file, line, column }: WorkflowProblem): string {
  const place = file ? `${file}${line ? `:${line}:${column ?? 1}` : ''}: ` : '';
  return `${place}${workflow}${node ? ` > ${node}` : ''}: ${message}`;
}
