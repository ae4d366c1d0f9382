import { DEFAULT_SANDBOX_LIMITS } from '../sandbox/sandbox.tasks.js';

/** Bounds of one evaluation: an expression comes from a file, its data from anywhere. */
export const DEFAULT_EXPRESSION_LIMITS = {
  /** Milliseconds one evaluation may take. */
  timeoutMs: DEFAULT_SANDBOX_LIMITS.timeoutMs,
  /** MiB of memory one evaluation may need. */
  memoryMb: DEFAULT_SANDBOX_LIMITS.memoryMb,
  /** Depth of function calls. */
  stack: 200,
  /** Items in one sequence. */
  sequence: 100_000,
  /** Characters of any text that comes up while it is evaluated. */
  textLength: 4_194_304,
  /** Characters of the source text. */
  sourceLength: 20_000,
} as const;
