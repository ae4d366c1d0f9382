import type { Clock } from '@nest-resilience/core';
import type { WorkflowDefinition } from '../graph/definition.js';
import type { ExecutionLedger, NodeRecord } from '../ledger/execution.js';
import { type ExecutionEnd, type ExecutionLease, type ExecutionStore, leaseOf } from '../ledger/execution-store.js';
import { type JsonValue, toJsonValueInTurns } from '../ledger/json-value.js';
import { structuredError } from '../ledger/structured-error.js';
import type { EndedRun } from '../metrics/workflow-stats.js';
import { WorkflowFailedError } from '../workflow.errors.js';
import type { WorkflowLimits } from '../workflow.limits.js';
import { LargeLists } from './large-lists.js';
import { guardLedger } from './ledger-failure.js';
import { errorsOf, isDegraded, leavesOf, resultsOf, servedOf, totalsOf } from './summary.js';

/** How a run ended. `interrupted`: not at all; it stays in the ledger and goes on later. */
export type RunEnd =
  | { readonly status: 'cancelled' }
  /** Without `run` it had ended before. */
  | { readonly status: 'succeeded'; readonly end?: ExecutionEnd; readonly run?: EndedRun }
  /** With what the ledger said, if it was the ledger that failed. */
  | { readonly status: 'interrupted'; readonly error?: unknown }
  /** It waits for a process that knows its version; `error` says which. */
  | { readonly status: 'unknown_version'; readonly error: unknown }
  /** Without `run` its workflow is not known. */
  | {
      readonly status: 'failed';
      readonly lease: ExecutionLease;
      readonly error: WorkflowFailedError;
      readonly end: ExecutionEnd;
      readonly run?: EndedRun;
    };

export interface EndsWorld {
  readonly store: ExecutionStore;
  readonly clock: Clock;
  readonly limits: WorkflowLimits;
}

/** What runs come to. */
export class RunEnds {
  private readonly begun = new WeakMap<ExecutionLedger, { readonly epoch: number; readonly steady: number }>();

  constructor(private readonly world: EndsWorld) {}

  /** From here on the run's time is the monotonic clock's: the wall clock may be set while it is at work. */
  begin(ledger: ExecutionLedger): void {
    const { clock } = this.world;
    this.begun.set(ledger, { epoch: clock.epochNow(), steady: clock.now() });
  }

  async succeeded(
    ledger: ExecutionLedger,
    finished: ReadonlyMap<string, NodeRecord>,
    output: JsonValue,
    served?: { readonly by: string; readonly level: number },
  ): Promise<RunEnd> {
    const totals = totalsOf(finished.values());
    const end = {
      status: 'succeeded',
      output,
      degraded: served !== undefined || isDegraded(finished.values()),
      finishedAt: this.finishedAt(ledger),
      totals: served === undefined ? totals : { ...totals, fallbacks: totals.fallbacks + 1 },
      ...(served !== undefined && { servedBy: served.by }),
    } as const;
    const kept = await guardLedger(this.world.store.finish(leaseOf(ledger), end));
    if (!kept) return { status: 'cancelled' };
    return { status: 'succeeded', end, run: runOf(ledger, finished, served?.level) };
  }

  failed(
    ledger: ExecutionLedger,
    finished: ReadonlyMap<string, NodeRecord>,
    node: string | undefined,
    cause: unknown,
  ): RunEnd {
    const error = new WorkflowFailedError(ledger.workflow, ledger.id, node, cause);
    const end = {
      status: 'failed',
      error: structuredError(cause, node),
      degraded: false,
      finishedAt: this.finishedAt(ledger),
      totals: totalsOf(finished.values()),
    } as const;
    return { status: 'failed', lease: leaseOf(ledger), error, end, run: runOf(ledger, finished) };
  }

  private finishedAt(ledger: ExecutionLedger): number {
    const { clock } = this.world;
    const begun = this.begun.get(ledger);
    const now = begun === undefined ? clock.epochNow() : Math.round(begun.epoch + clock.now() - begun.steady);
    return Math.max(ledger.createdAt, now);
  }

  async outputOf(
    definition: WorkflowDefinition,
    { id, input }: ExecutionLedger,
    finished: ReadonlyMap<string, NodeRecord>,
  ): Promise<JsonValue> {
    const { store, limits } = this.world;
    const lists = new LargeLists(store.items, id, limits.listBytes);
    const value = definition.output
      ? await definition.output.evaluate({
          ...resultsOf(finished, definition.order, lists),
          input,
          errors: errorsOf(finished, definition.order) ?? {},
          served: servedOf(finished, definition.order),
        })
      : resultsOf(finished, leavesOf(definition), lists);
    return toJsonValueInTurns(lists.referring(value), `the output of '${definition.name}'`, limits.resultBytes);
  }
}

function runOf(execution: ExecutionLedger, finished: ReadonlyMap<string, NodeRecord>, level = 0): EndedRun {
  return { execution, nodes: [...finished.values()], level };
}
