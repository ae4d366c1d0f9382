import { NotNowError, ResilienceError } from '@nest-resilience/core';
import { didYouMean, nearest } from '@nest-resilience/core/kit';
import type { InputProblem } from './graph/input-schema.js';
import type { ExecutionStatus } from './ledger/execution.js';
import type { LeaseHolder } from './ledger/executor-lease.js';

/** No workflow of this name. Code `RESILIENCE_WORKFLOW_NOT_FOUND`. */
export class WorkflowNotFoundError extends ResilienceError {
  readonly nearest: string | undefined;

  constructor(
    workflow: string,
    readonly known: readonly string[],
  ) {
    const list = known.length > 0 ? `known: ${known.join(', ')}` : 'no workflows are registered';
    super(
      `There is no workflow '${workflow}'${didYouMean(workflow, known)}; ${list}`,
      'RESILIENCE_WORKFLOW_NOT_FOUND',
      workflow,
    );
    this.nearest = nearest(workflow, known);
  }
}

/** No execution of this id. Code `RESILIENCE_EXECUTION_NOT_FOUND`. */
export class ExecutionNotFoundError extends ResilienceError {
  constructor(readonly executionId: string) {
    super(`There is no execution '${executionId}'`, 'RESILIENCE_EXECUTION_NOT_FOUND', 'workflow');
  }
}

/** No node of this name. Code `RESILIENCE_NODE_NOT_FOUND`. */
export class NodeNotFoundError extends ResilienceError {
  readonly nearest: string | undefined;

  constructor(
    workflow: string,
    node: string,
    readonly known: readonly string[],
  ) {
    super(
      `Workflow '${workflow}' has no node '${node}'${didYouMean(node, known)}; known: ${known.join(', ')}`,
      'RESILIENCE_NODE_NOT_FOUND',
      workflow,
    );
    this.nearest = nearest(node, known);
  }
}

/** The store in use lacks an optional method of `ExecutionStore`. Code `RESILIENCE_LEDGER_FEATURE`. */
export class LedgerFeatureError extends ResilienceError {
  constructor(method: string, purpose: string) {
    super(
      `The execution store cannot ${purpose}: it has no method '${method}'; use a store that has it`,
      'RESILIENCE_LEDGER_FEATURE',
      'workflow',
    );
  }
}

/** The input does not fit the workflow; all problems at once. Code `RESILIENCE_WORKFLOW_INPUT`. */
export class WorkflowInputError extends ResilienceError {
  constructor(
    workflow: string,
    readonly problems: readonly InputProblem[],
  ) {
    const list = problems.map(({ field, message }) => `${field || 'the input'} ${message}`).join('; ');
    super(`The input of '${workflow}' is not usable: ${list}`, 'RESILIENCE_WORKFLOW_INPUT', workflow);
  }
}

/** As many executions are running and queued as the limits allow. Nothing was accepted. Code `RESILIENCE_WORKFLOW_BUSY`. */
export class WorkflowBusyError extends ResilienceError {
  constructor(
    workflow: string,
    readonly queued: number,
    readonly retryAfterMs: number,
  ) {
    super(
      `${queued} executions are waiting already; submit '${workflow}' again in ${Math.ceil(retryAfterMs / 1000)} s`,
      'RESILIENCE_WORKFLOW_BUSY',
      workflow,
    );
  }
}

/** The process is going. Nothing was accepted. Code `RESILIENCE_WORKFLOW_STOPPING`. */
export class WorkflowStoppingError extends ResilienceError {
  constructor(workflow: string) {
    super(
      `'${workflow}' was not accepted: this process is shutting down; submit it again`,
      'RESILIENCE_WORKFLOW_STOPPING',
      workflow,
    );
  }
}

/**
 * The ledger cannot be used now (disk full, locked, away, damaged), or did not answer in time. What it has taken all the same runs once:
 * submit again with the same idempotency key. Code `RESILIENCE_STORE_UNAVAILABLE`.
 */
export class StoreUnavailableError extends ResilienceError {
  /** Read by `classifyError`: later it may work. */
  readonly isRetryable = true;
  readonly retryAfterMs = 5_000;

  constructor(cause: unknown) {
    super(
      'The ledger of executions cannot be used now; submit again later, with the same idempotency key if it has one: what was stored ' +
        'all the same runs. GET /health/ready says more',
      'RESILIENCE_STORE_UNAVAILABLE',
      'workflow',
      { cause },
    );
  }
}

/**
 * Another process runs the executions of this ledger; nothing was accepted or begun. Code `RESILIENCE_EXECUTOR_ELSEWHERE`. This
 * process takes over by itself when that one is gone.
 */
export class ExecutorElsewhereError extends NotNowError {
  constructor(
    readonly holder: Pick<LeaseHolder, 'host' | 'pid'>,
    /** Epoch milliseconds by the clock of the ledger. */
    readonly since: number,
    retryAfterMs: number,
  ) {
    const { host, pid } = holder;
    super(
      `Executions of this ledger run in process ${pid} on ${host} since ${new Date(since).toISOString()}: ` +
        'ask that one, or end it and this one takes over',
      'RESILIENCE_EXECUTOR_ELSEWHERE',
      'workflow',
      retryAfterMs,
    );
  }
}

/** Whenever it was taken up, the process died. Resuming it, or redriving its dead letter, tries again. Code `RESILIENCE_EXECUTION_POISONED`. */
export class ExecutionPoisonedError extends ResilienceError {
  constructor(
    workflow: string,
    readonly executionId: string,
    readonly crashes: number,
  ) {
    super(
      `Execution ${executionId} took its process along ${crashes} times since its last checkpoint; it is not taken up by itself ` +
        'any more. Mend what it runs, then resume it or redrive its dead letter',
      EXECUTION_POISONED,
      workflow,
    );
  }
}

/** By which a dead letter is known that nobody but a person may redrive. */
export const EXECUTION_POISONED = 'RESILIENCE_EXECUTION_POISONED';

/** The idempotency key belongs to an execution with other input. Code `RESILIENCE_IDEMPOTENCY_CONFLICT`. */
export class IdempotencyConflictError extends ResilienceError {
  constructor(
    workflow: string,
    readonly idempotencyKey: string,
    readonly executionId: string,
  ) {
    super(
      `The idempotency key '${idempotencyKey}' was used for execution ${executionId} with other input; use a new key for new input`,
      'RESILIENCE_IDEMPOTENCY_CONFLICT',
      workflow,
    );
  }
}

/** The execution is in a state that does not allow this. Code `RESILIENCE_EXECUTION_STATE`. */
export class ExecutionStateError extends ResilienceError {
  constructor(
    readonly executionId: string,
    readonly status: ExecutionStatus,
    action: string,
  ) {
    super(`Execution ${executionId} is ${status}: it cannot be ${action}`, 'RESILIENCE_EXECUTION_STATE', 'workflow');
  }
}

/** A run that failed; `cause` is what its node threw. Code `RESILIENCE_WORKFLOW_FAILED`. */
export class WorkflowFailedError extends ResilienceError {
  constructor(
    workflow: string,
    readonly executionId: string,
    readonly node: string | undefined,
    cause: unknown,
  ) {
    const why =
      cause instanceof Error ? cause.message : String((cause as { message?: unknown } | null)?.message ?? cause);
    super(
      `Workflow '${workflow}' failed${node ? ` at node '${node}'` : ''}: ${why}`,
      'RESILIENCE_WORKFLOW_FAILED',
      workflow,
      { cause },
    );
  }
}

/** A run that took longer than its deadline. Code `RESILIENCE_WORKFLOW_DEADLINE`. */
export class WorkflowDeadlineError extends ResilienceError {
  constructor(workflow: string, deadlineMs: number | undefined) {
    super(
      `Workflow '${workflow}' did not end within its deadline${deadlineMs === undefined ? '' : ` of ${deadlineMs} ms`}`,
      'RESILIENCE_WORKFLOW_DEADLINE',
      workflow,
    );
  }
}

/** The definition changed so much that a stored execution cannot go on with it. Code `RESILIENCE_WORKFLOW_VERSION`. */
export class WorkflowVersionError extends ResilienceError {
  constructor(workflow: string, version: string, gone: readonly string[]) {
    super(
      `The execution began on version ${version} of '${workflow}' and has results of nodes that no longer exist: ${gone.join(', ')}; submit it anew`,
      'RESILIENCE_WORKFLOW_VERSION',
      workflow,
    );
  }
}

/** A result that does not meet the node's `expect`. The next attempt may. Code `RESILIENCE_WORKFLOW_RESULT`. */
export class WorkflowResultError extends ResilienceError {
  readonly isRetryable = true;

  constructor(
    readonly node: string,
    readonly expected: string,
  ) {
    super(`The result of node '${node}' does not meet "expect: ${expected}"`, 'RESILIENCE_WORKFLOW_RESULT', node);
  }
}

/** The application is not well, by its last health report. Nothing was accepted. Code `RESILIENCE_WORKFLOW_UNHEALTHY`. */
export class WorkflowUnhealthyError extends ResilienceError {
  constructor(
    workflow: string,
    /** `check: reason` of everything that stands in the way. */
    readonly reasons: readonly string[],
    readonly retryAfterMs: number,
  ) {
    super(
      `'${workflow}' was not accepted, the last health report says: ${reasons.join('; ')}`,
      'RESILIENCE_WORKFLOW_UNHEALTHY',
      workflow,
    );
  }
}
