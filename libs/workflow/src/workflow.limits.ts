/** Bounds of the executor. */
export interface WorkflowLimits {
  /** Nodes of one run at work at once. */
  readonly parallelNodes: number;
  /** Runs at once; further ones are queued. */
  readonly running: number;
  /** Queued runs; further submissions are refused (429). */
  readonly queued: number;
  /** Bytes of JSON of an input. */
  readonly inputBytes: number;
  /** Bytes of JSON of a node's result and of the output. */
  readonly resultBytes: number;
  /** Milliseconds that nodes at work get when the process shuts down. */
  readonly shutdownMs: number;
  /** Milliseconds that `?wait=` and `WorkflowService.wait` may take at most. */
  readonly waitMs: number;
  /** Clients that follow executions at once (`GET /executions/:id/events`); further ones are refused (503). */
  readonly followers: number;
}

export const DEFAULT_WORKFLOW_LIMITS: WorkflowLimits = {
  parallelNodes: 8,
  running: 50,
  queued: 1_000,
  inputBytes: 1_048_576,
  resultBytes: 1_048_576,
  shutdownMs: 10_000,
  waitMs: 60_000,
  followers: 1_000,
};
