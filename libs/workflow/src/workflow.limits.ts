import { option } from '@nest-resilience/core';

const OPTIONS = option.options({
  /** Nodes of one run at work at once. @default 8 */
  parallelNodes: option.whole(8, { min: 1 }),
  /** Runs at once; further ones are queued. @default 50 */
  running: option.whole(50, { min: 1 }),
  /** Queued runs; further submissions are refused (429). @default 1000 */
  queued: option.whole(1_000, { min: 0 }),
  /** Bytes of JSON of an input. @default 1_048_576 */
  inputBytes: option.whole(1_048_576, { min: 2 }),
  /** Bytes of JSON of a node's result, or of that of each item, and of the output. @default 1_048_576 */
  resultBytes: option.whole(1_048_576, { min: 2 }),
  /** Bytes of JSON of the results of an `each` node that an expression or step may read at once. @default 16_777_216 */
  listBytes: option.whole(16_777_216, { min: 2 }),
  /** What nodes at work get when the process shuts down. @default '10s' */
  shutdown: option.duration(10_000),
  /** What `?wait=` and `WorkflowService.wait` may take at most. @default '60s' */
  wait: option.duration(60_000),
  /** Clients that follow executions at once (`GET /executions/:id/events`); further ones are refused (503). @default 1000 */
  followers: option.whole(1_000, { min: 0 }),
});

/** {@link WorkflowLimits} as they are written. */
export interface WorkflowLimitOptions extends option.OptionsOf<typeof OPTIONS.spec> {}

const LIMITS = option.map(OPTIONS, ({ shutdown, wait, ...counts }) => ({
  ...counts,
  shutdownMs: shutdown,
  waitMs: wait,
}));

/** Bounds of the executor; durations in milliseconds. */
export interface WorkflowLimits extends option.OutOf<typeof LIMITS> {}

export const DEFAULT_WORKFLOW_LIMITS: WorkflowLimits = LIMITS.fallback;

/** @throws ResilienceOptionsError with every problem at once */
export function readLimits(options: WorkflowLimitOptions | undefined): WorkflowLimits {
  return option.read(LIMITS, options, 'WorkflowModule > limits');
}
