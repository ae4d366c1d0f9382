import type { StructuredError } from '../ledger/structured-error.js';

/** What a step (a method, a handler or a function) knows about the run it is part of. */
export interface StepContext<Input = unknown, Results = Readonly<Record<string, unknown>>> {
  /** The node's mapped input; the input of the run for a node without a mapping. Frozen. */
  readonly input: Input;
  /** Results of the nodes before this one, by name; a skipped or failed optional node has none. Frozen. */
  readonly results: Results;
  /** Why failed optional nodes before this one failed, by name. */
  readonly errors: Readonly<Record<string, StructuredError>>;
  readonly node: string;
  readonly executionId: string;
  /**
   * The same for every attempt and every resume of this node in this execution. Checkpoints are made exactly once, side effects
   * happen at least once: pass this key on to whoever must see the effect once.
   */
  readonly idempotencyKey: string;
  /** Aborted when the attempt timed out, the execution was cancelled or passed its deadline, or the process shuts down. */
  readonly signal: AbortSignal;
  /** From 1. */
  readonly attempt: number;
  /** The item's place in the list, for a step under `each`. */
  readonly index?: number;
}
