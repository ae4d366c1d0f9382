/** Bounds of a workflow file. */
export const WORKFLOW_FILE_LIMITS = {
  bytes: 1_048_576,
  /** Levels of lists and maps within each other. */
  depth: 100,
  /** Values, where an alias counts for all it stands for: a few lines of aliases of aliases can otherwise grow to gigabytes. */
  values: 100_000,
} as const;
