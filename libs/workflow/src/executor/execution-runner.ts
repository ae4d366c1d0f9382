import type { Clock } from '@nest-resilience/core';
import type { WorkflowDefinition } from '../graph/definition.js';
import type { ExecutionLedger, ExecutionRecord, NodeRecord } from '../ledger/execution.js';
import type { ExecutionEnd, ExecutionStore } from '../ledger/execution-store.js';
import { type JsonValue, toJsonValue } from '../ledger/json-value.js';
import { structuredError } from '../ledger/structured-error.js';
import { WorkflowDeadlineError, WorkflowFailedError, WorkflowVersionError } from '../workflow.errors.js';
import type { WorkflowLimits } from '../workflow.limits.js';
import type { NodeRunner } from './node-runner.js';
import { RunStop } from './run-stop.js';
import { isDegraded, leavesOf, resultsOf, totalsOf } from './summary.js';
import { traverse } from './traverse.js';

export interface RunnerWorld {
  readonly store: ExecutionStore;
  readonly nodes: NodeRunner;
  readonly clock: Clock;
  readonly limits: WorkflowLimits;
  /** Name of this process in the ledger. */
  readonly owner: string;
  /** The process is going: start nothing new, and take no failure for one, it may be the shutdown's doing. */
  stopping(): boolean;
  /** Runs a workflow in place of one that failed; resolves with its execution if that succeeded. */
  runFallback(workflow: string, parent: ExecutionRecord): Promise<ExecutionRecord | undefined>;
  /** Called for a failed optional node that asks for a dead letter; resolves with the entry's id. */
  keepNode(execution: ExecutionRecord, record: NodeRecord, error: unknown): Promise<string | undefined>;
}

/** How a run ended. `interrupted`: not at all; it stays in the ledger and goes on later. */
export type RunEnd =
  | { readonly status: 'succeeded' | 'cancelled' }
  /** With what the ledger said, if it was the ledger that failed. */
  | { readonly status: 'interrupted'; readonly error?: unknown }
  | { readonly status: 'failed'; readonly error: WorkflowFailedError; readonly end: ExecutionEnd };

/** Drives one claimed execution from its first unfinished node to its end. */
export class ExecutionRunner {
  constructor(private readonly world: RunnerWorld) {}

  /**
   * A failure is not written into the ledger here: the caller does that once the dead letter is durable, so that no crash in between
   * can lose either. Never rejects.
   */
  async run(
    definition: WorkflowDefinition,
    ledger: ExecutionLedger,
    startedOn: string,
    stop: AbortController,
  ): Promise<RunEnd> {
    const finished = new Map(ledger.nodes.map((record) => [record.node, record]));
    const deadline = this.watchDeadline(ledger, stop);
    try {
      const gone =
        startedOn === definition.version ? [] : [...finished.keys()].filter((name) => !definition.nodes.has(name));
      if (gone.length > 0)
        return this.failed(ledger, finished, undefined, new WorkflowVersionError(definition.name, startedOn, gone));
      const failure = await this.walk(definition, ledger, finished, stop);
      if (failure) return await this.rescue(definition, ledger, finished, failure);
      const output = await this.outputOf(definition, ledger.input, finished);
      return await this.succeed(ledger, finished, output);
    } catch (error) {
      const reason = stop.signal.aborted
        ? (stop.signal.reason as RunStop).stopReason
        : error instanceof RunStop
          ? error.stopReason
          : undefined;
      if (reason === 'deadline')
        return this.failed(
          ledger,
          finished,
          undefined,
          new WorkflowDeadlineError(definition.name, definition.deadlineMs),
        );
      if (reason === 'cancelled' || reason === 'lost') return { status: 'cancelled' };
      if (reason === 'shutdown') return { status: 'interrupted' };
      if (error instanceof LedgerFailure) return { status: 'interrupted', error: error.cause };
      return this.failed(ledger, finished, undefined, error);
    } finally {
      deadline?.cancel();
    }
  }

  private async walk(
    definition: WorkflowDefinition,
    ledger: ExecutionLedger,
    finished: Map<string, NodeRecord>,
    stop: AbortController,
  ): Promise<NodeFailure | undefined> {
    const { nodes, store, owner, limits, clock } = this.world;
    const thrown = new Map<string, unknown>();
    const run = { definition, executionId: ledger.id, input: ledger.input, signal: stop.signal };
    const failed = await traverse({
      definition,
      finished,
      parallel: limits.parallelNodes,
      run: async (node) => {
        if (stop.signal.aborted) throw stop.signal.reason;
        if (this.world.stopping()) throw new RunStop('shutdown');
        const { record, error } = await nodes.run(node, run, Object.freeze(resultsOf(finished, node.ancestors)));
        if (record.status !== 'failed') return record;
        if (this.world.stopping()) throw new RunStop('shutdown');
        thrown.set(node.name, error);
        if (!node.optional || !node.deadLetter) return record;
        const deadLetterId = await this.world.keepNode(ledger, record, error);
        return deadLetterId === undefined ? record : { ...record, deadLetterId };
      },
      skip: (node) => {
        const now = clock.epochNow();
        const nothing = { fallbackLevel: 0, degraded: false, attempts: [], attemptCount: 0, retryCount: 0 };
        return {
          node: node.name,
          status: 'skipped',
          optional: node.optional,
          startedAt: now,
          finishedAt: now,
          ...nothing,
        };
      },
      checkpoint: async (record) => {
        const kept = await guard(store.checkpoint(ledger.id, owner, record));
        if (!kept) stop.abort(new RunStop('lost'));
        if (!kept) throw stop.signal.reason;
      },
    });
    return failed && { record: failed, error: thrown.get(failed.node) ?? failed.error };
  }

  private async rescue(
    definition: WorkflowDefinition,
    ledger: ExecutionLedger,
    finished: Map<string, NodeRecord>,
    failure: NodeFailure,
  ): Promise<RunEnd> {
    for (const workflow of definition.fallback) {
      const served = await this.world.runFallback(workflow, ledger);
      if (served) return this.succeed(ledger, finished, served.output ?? null, workflow);
    }
    return this.failed(ledger, finished, failure.record.node, failure.error);
  }

  private async succeed(
    ledger: ExecutionLedger,
    finished: ReadonlyMap<string, NodeRecord>,
    output: JsonValue,
    servedBy?: string,
  ): Promise<RunEnd> {
    const totals = totalsOf(finished.values());
    const kept = await guard(
      this.world.store.finish(ledger.id, this.world.owner, {
        status: 'succeeded',
        output,
        degraded: servedBy !== undefined || isDegraded(finished.values()),
        finishedAt: this.world.clock.epochNow(),
        totals: servedBy === undefined ? totals : { ...totals, fallbacks: totals.fallbacks + 1 },
        ...(servedBy !== undefined && { servedBy }),
      }),
    );
    return { status: kept ? 'succeeded' : 'cancelled' };
  }

  private failed(
    { id, workflow }: ExecutionLedger,
    finished: ReadonlyMap<string, NodeRecord>,
    node: string | undefined,
    cause: unknown,
  ): RunEnd {
    const error = new WorkflowFailedError(workflow, id, node, cause);
    const { clock } = this.world;
    const end = {
      status: 'failed',
      error: structuredError(cause, node),
      degraded: false,
      finishedAt: clock.epochNow(),
      totals: totalsOf(finished.values()),
    } as const;
    return { status: 'failed', error, end };
  }

  private async outputOf(
    definition: WorkflowDefinition,
    input: JsonValue,
    finished: ReadonlyMap<string, NodeRecord>,
  ): Promise<JsonValue> {
    const value = definition.output
      ? await definition.output.evaluate({ ...resultsOf(finished, definition.order), input })
      : resultsOf(finished, leavesOf(definition));
    return toJsonValue(value, `the output of '${definition.name}'`, this.world.limits.resultBytes);
  }

  private watchDeadline({ deadlineAt }: ExecutionRecord, stop: AbortController): { cancel(): void } | undefined {
    if (deadlineAt === undefined) return undefined;
    const { clock } = this.world;
    const pass = (): void => stop.abort(new RunStop('deadline'));
    const left = deadlineAt - clock.epochNow();
    if (left <= 0) pass();
    return left > 0 ? clock.setTimer(pass, left) : undefined;
  }
}

interface NodeFailure {
  readonly record: NodeRecord;
  readonly error: unknown;
}

/** Marks errors of the ledger: such a run neither succeeded nor failed, it must go on later. */
class LedgerFailure extends Error {}

async function guard<T>(writing: Promise<T>): Promise<T> {
  try {
    return await writing;
  } catch (cause) {
    throw new LedgerFailure('the ledger failed', { cause });
  }
}
