import { setMaxListeners } from 'node:events';
import type { Clock } from '@nest-resilience/core';
import type { WorkflowDefinition } from '../graph/definition.js';
import { type ExecutionLedger, type ExecutionRecord, isFinal, type NodeRecord } from '../ledger/execution.js';
import { type ExecutionStore, leaseOf } from '../ledger/execution-store.js';
import type { ItemLedger } from '../ledger/items.js';
import { ExecutionPoisonedError, WorkflowDeadlineError, WorkflowVersionError } from '../workflow.errors.js';
import type { WorkflowLimits } from '../workflow.limits.js';
import type { NodeRun } from './node-call.js';
import type { NodePolicy, NodeRunner } from './node-runner.js';
import type { AtWork } from './at-work.js';
import { LargeLists } from './large-lists.js';
import { guardLedger, insist, LedgerFailure } from './ledger-failure.js';
import { type RunEnd, RunEnds } from './run-ends.js';
import { keptItems, type RunItems } from './run-items.js';
import { RunStop } from './run-stop.js';
import { MAX_CRASHES } from './suspects.js';
import { errorsOf, resultsOf, servedOf, withEarlier } from './summary.js';
import { traverse } from './traverse.js';

export interface RunnerWorld {
  readonly store: ExecutionStore;
  readonly nodes: NodeRunner;
  readonly clock: Clock;
  readonly limits: WorkflowLimits;
  /** The process is going: start nothing new, and take no failure for one, it may be the shutdown's doing. */
  stopping(): boolean;
  /** Runs a workflow in place of one that failed; resolves with its execution if that succeeded. */
  runFallback(workflow: string, parent: ExecutionRecord, signal: AbortSignal): Promise<ExecutionRecord | undefined>;
  /** Ends what an earlier process left running in place of an execution that succeeded by itself after all. */
  dropFallbacks(parent: ExecutionRecord): Promise<void>;
  /** Before something of an execution starts: resolves when it may. Every call is followed by one of {@link left}. */
  enter(execution: ExecutionRecord): Promise<void> | undefined;
  left(): void;
  /** The execution has a checkpoint that it did not have before. */
  progressed(execution: ExecutionRecord): void;
  /** Whether this process still is the one that runs executions. */
  isOurs(execution: ExecutionRecord): true | Promise<boolean>;
  /** The policy around a whole run; `undefined` for a workflow without one. */
  policy(definition: WorkflowDefinition): NodePolicy | undefined;
  /** The ledger has something new about the execution. */
  changed(executionId: string): void;
  readonly atWork: AtWork;
  /** Something that is in no ledger: a node has begun, items have ended. */
  stirred(executionId: string): void;
  /** Called for a failed optional node that asks for a dead letter; resolves with the entry's id. */
  keepNode(execution: ExecutionRecord, record: NodeRecord, error: unknown): Promise<string | undefined>;
}

/** Drives one claimed execution from its first unfinished node to its end. */
export class ExecutionRunner {
  private readonly ends: RunEnds;

  constructor(private readonly world: RunnerWorld) {
    this.ends = new RunEnds(world);
  }

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
    this.ends.begin(ledger);
    const finished = new Map(ledger.nodes.map((record) => [record.node, record]));
    // Every attempt at work listens; how many there are is bounded by the limits of the run.
    setMaxListeners(0, stop.signal);
    const deadline = this.watchDeadline(ledger, stop);
    try {
      const gone =
        startedOn === definition.version ? [] : [...finished.keys()].filter((name) => !definition.nodes.has(name));
      if (gone.length > 0)
        return this.ends.failed(
          ledger,
          finished,
          undefined,
          new WorkflowVersionError(definition.name, startedOn, gone),
        );
      const { crashes = 0 } = ledger;
      if (crashes >= MAX_CRASHES) {
        await guardLedger(this.world.dropFallbacks(ledger));
        const error = new ExecutionPoisonedError(definition.name, ledger.id, crashes);
        return this.ends.failed(ledger, finished, undefined, error);
      }
      const failure = await this.persist(definition, ledger, finished, stop);
      if (failure) return await this.rescue(definition, ledger, finished, failure, stop.signal);
      if (ledger.resumes > 0) await guardLedger(this.world.dropFallbacks(ledger));
      const output = await this.inTurn(ledger, stop, () => this.ends.outputOf(definition, ledger, finished));
      return await this.ends.succeeded(ledger, finished, output);
    } catch (error) {
      const reason = stop.signal.aborted
        ? (stop.signal.reason as RunStop).stopReason
        : error instanceof RunStop
          ? error.stopReason
          : undefined;
      if (reason === 'deadline')
        return this.ends.failed(
          ledger,
          finished,
          undefined,
          new WorkflowDeadlineError(definition.name, definition.deadlineMs),
        );
      if (reason === 'cancelled' || reason === 'lost') return { status: 'cancelled' };
      if (reason === 'shutdown') return { status: 'interrupted' };
      if (error instanceof LedgerFailure) return { status: 'interrupted', error: error.cause };
      return this.ends.failed(ledger, finished, undefined, error);
    } finally {
      deadline?.cancel();
    }
  }

  /** Walks the graph under the policies of the workflow: each go starts at the first unfinished node. */
  private async persist(
    definition: WorkflowDefinition,
    ledger: ExecutionLedger,
    finished: Map<string, NodeRecord>,
    stop: AbortController,
  ): Promise<NodeFailure | undefined> {
    const policy = this.world.policy(definition);
    if (!policy) return this.walk(definition, ledger, finished, stop);
    const earlier = new Map<string, NodeRecord>();
    let failure: NodeFailure | undefined;
    let broken: { readonly error: unknown } | undefined;
    try {
      await policy.execute(
        async () => {
          // More than one node may have failed in the last go; what failed before this run is none of it.
          if (failure)
            for (const record of finished.values())
              if (!isFinal(record) && !ledger.nodes.includes(record)) earlier.set(record.node, record);
          failure = undefined;
          try {
            failure = await this.walk(definition, ledger, finished, stop, earlier);
          } catch (error) {
            // No failure of the run, so nothing to retry or count.
            broken = { error };
          }
          if (failure) throw asError(failure.error);
        },
        { signal: stop.signal },
      );
    } catch (error) {
      if (stop.signal.aborted) throw stop.signal.reason;
      if (this.world.stopping()) throw new RunStop('shutdown');
      return failure ?? { error };
    }
    if (broken) throw broken.error;
    return undefined;
  }

  private async walk(
    definition: WorkflowDefinition,
    ledger: ExecutionLedger,
    finished: Map<string, NodeRecord>,
    stop: AbortController,
    earlier: ReadonlyMap<string, NodeRecord> = new Map(),
  ): Promise<NodeFailure | undefined> {
    const { nodes, store, limits, clock } = this.world;
    const lease = leaseOf(ledger);
    const thrown = new Map<string, unknown>();
    const items = store.items && this.itemsOf(ledger, store.items, stop);
    const run: NodeRun = {
      ...{ definition, executionId: ledger.id, input: ledger.input, signal: stop.signal, items },
      begun: (node, startedAt, log) => {
        const left = this.world.atWork.begin(ledger.id, node, startedAt, log);
        this.world.stirred(ledger.id);
        return left;
      },
    };
    let last = lastChange(ledger, finished.values(), clock.epochNow());
    const failed = await traverse({
      definition,
      finished,
      parallel: limits.parallelNodes,
      run: async (node) => {
        const outcome = await this.inTurn(ledger, stop, () => {
          const errors = errorsOf(finished, node.ancestors);
          const lists = new LargeLists(store.items, ledger.id, limits.listBytes);
          const results = Object.freeze(resultsOf(finished, node.ancestors, lists));
          const served = servedOf(finished, node.ancestors);
          const again = earlier.has(node.name);
          return nodes.run(node, { ...run, served, again, ...(errors && { errors }) }, results);
        });
        const { error } = outcome;
        const record = withEarlier(outcome.record, earlier.get(node.name));
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
        // Later than the checkpoint before it: that is the order in which followers of the execution are told.
        last = Math.max(record.finishedAt, last + 1);
        record = { ...record, finishedAt: last };
        await this.keep(ledger, stop, () => store.checkpoint(lease, record));
        if (isFinal(record)) this.world.progressed(ledger);
        this.world.changed(ledger.id);
        return record;
      },
    });
    return failed && { record: failed, error: thrown.get(failed.node) ?? failed.error };
  }

  /** @throws LedgerFailure, RunStop, or what the ledger has against it */
  private async keep(ledger: ExecutionLedger, stop: AbortController, write: () => Promise<boolean>): Promise<void> {
    const keep = async (): Promise<boolean> => {
      await this.requireOurs(ledger, stop);
      return write();
    };
    if (await insist(keep, this.world.clock, stop.signal)) return;
    stop.abort(new RunStop('lost'));
    throw stop.signal.reason;
  }

  private itemsOf(ledger: ExecutionLedger, items: ItemLedger, stop: AbortController): RunItems {
    const lease = leaseOf(ledger);
    const { clock } = this.world;
    let told = clock.now();
    return {
      keep: async (item) => {
        await this.keep(ledger, stop, () => items.keep(lease, item));
        if (item.status === 'succeeded') this.world.progressed(ledger);
        if (clock.now() - told < PROGRESS_MS) return;
        told = clock.now();
        this.world.stirred(ledger.id);
      },
      all: (node, step) => keptItems(items, ledger.id, node, step),
    };
  }

  /** Runs something of an execution when it may. */
  private async inTurn<T>(ledger: ExecutionLedger, stop: AbortController, work: () => Promise<T>): Promise<T> {
    const turn = this.world.enter(ledger);
    if (turn) await turn;
    try {
      if (stop.signal.aborted) throw stop.signal.reason;
      if (this.world.stopping()) throw new RunStop('shutdown');
      await this.requireOurs(ledger, stop);
      return await work();
    } finally {
      this.world.left();
    }
  }

  /** Another process may have taken over while this one was stopped. */
  private async requireOurs(ledger: ExecutionLedger, stop: AbortController): Promise<void> {
    const ours = this.world.isOurs(ledger);
    if (ours === true || (await guardLedger(ours))) return;
    stop.abort(new RunStop('lost'));
    throw stop.signal.reason;
  }

  private async rescue(
    definition: WorkflowDefinition,
    ledger: ExecutionLedger,
    finished: Map<string, NodeRecord>,
    failure: NodeFailure,
    signal: AbortSignal,
  ): Promise<RunEnd> {
    for (const [index, workflow] of definition.fallback.entries()) {
      // A new run would only be interrupted, and the parent's failure be taken for one.
      if (this.world.stopping()) throw new RunStop('shutdown');
      const served = await this.world.runFallback(workflow, ledger, signal);
      if (served)
        return this.ends.succeeded(ledger, finished, served.output ?? null, { by: workflow, level: index + 1 });
    }
    return this.ends.failed(ledger, finished, failure.record?.node, failure.error);
  }

  private watchDeadline({ deadlineAt }: ExecutionRecord, stop: AbortController): { cancel(): void } | undefined {
    if (deadlineAt === undefined) return undefined;
    const { clock } = this.world;
    let timer: { cancel(): void } | undefined;
    const look = (): void => {
      const left = deadlineAt - clock.epochNow();
      // Looked at again: no timer lasts longer than 24 days.
      if (left > 0) timer = clock.setTimer(look, left);
      else stop.abort(new RunStop('deadline'));
    };
    look();
    return { cancel: () => timer?.cancel() };
  }
}

/** Followers of an execution hear of its items this often. */
export const PROGRESS_MS = 1_000;

/** When the last checkpoint was made, or else the execution; after an end, no earlier than the end. */
function lastChange({ createdAt, resumes }: ExecutionLedger, nodes: Iterable<NodeRecord>, now: number): number {
  const last = [...nodes].reduce((latest, { finishedAt }) => Math.max(latest, finishedAt), createdAt);
  return resumes > 0 ? Math.max(last, now) + 1 : last;
}

interface NodeFailure {
  /** Absent when the workflow's own circuit let no node start. */
  readonly record?: NodeRecord;
  readonly error: unknown;
}

/** What a node left in the ledger is a description; a policy wants an error. */
function asError(error: unknown): unknown {
  if (error instanceof Error) return error;
  const { message } = (error ?? {}) as { message?: unknown };
  return Object.assign(new Error(typeof message === 'string' ? message : String(error)), error);
}
