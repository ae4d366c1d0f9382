import { type Clock, onAbort } from '@nest-resilience/core';
import type { ExecutionRecord } from '../ledger/execution.js';
import type { ExecutionStore } from '../ledger/execution-store.js';
import type { WorkflowRegistry } from '../registry/workflow-registry.js';
import { WorkflowFailedError } from '../workflow.errors.js';
import type { Claims } from './claims.js';
import type { Dispatcher } from './dispatcher.js';
import { guardLedger, LedgerFailure } from './ledger-failure.js';
import { RunStop } from './run-stop.js';
import { newExecution } from './submission.js';

export interface FallbackWorld {
  readonly store: ExecutionStore;
  readonly registry: WorkflowRegistry;
  readonly clock: Clock;
  readonly claims: Claims;
  dispatcher(): Dispatcher;
  nextId(): string;
  /** Told of every execution that the ledger has cancelled. */
  cancelled(execution: ExecutionRecord): void;
}

/** Workflows that run in place of one that failed. Each is an execution of its own, which ends with its parent at the latest. */
export class FallbackRuns {
  constructor(private readonly world: FallbackWorld) {}

  /** Resolves with the execution if it succeeded. Rejects with the signal's reason when the parent was stopped meanwhile. */
  async run(workflow: string, parent: ExecutionRecord, signal: AbortSignal): Promise<ExecutionRecord | undefined> {
    if (signal.aborted) throw signal.reason;
    const { clock, registry } = this.world;
    const { input, inputHash } = parent;
    // The parent stays on its version when a reload takes the workflow away.
    const definition = registry.find(workflow);
    if (!definition) return undefined;
    const child = newExecution(definition, {
      ...{ id: this.world.nextId(), input, inputHash, now: clock.epochNow() },
    });
    const stop = (): void => {
      // At a shutdown the child is interrupted like its parent, and goes on with it.
      if ((signal.reason as RunStop).stopReason !== 'shutdown') void this.cancelOne(workflow, parent).catch(() => {});
    };
    const unlisten = onAbort(signal, stop);
    try {
      const key = keyOf(workflow, parent);
      const record = { ...child, parentId: parent.id, idempotencyKey: key };
      const ended = await this.runChild(record, signal);
      if (signal.aborted) {
        // The child may have been stored after `stop` looked for it.
        if ((signal.reason as RunStop).stopReason !== 'shutdown') await this.cancelOne(workflow, parent);
        throw signal.reason;
      }
      if (ended?.status === 'succeeded') return ended;
      if (ended?.status === 'running' || ended?.status === 'queued') throw new RunStop('shutdown');
      return undefined;
    } finally {
      unlisten();
    }
  }

  /** Ends what still runs in place of an execution that needs it no more. */
  async cancelAll(parent: ExecutionRecord): Promise<void> {
    for (const workflow of this.world.registry.find(parent.workflow)?.fallback ?? []) {
      await this.cancelOne(workflow, parent);
    }
  }

  /**
   * Runs in its parent's own place. Resolves with what became of it.
   * @throws LedgerFailure
   */
  private async runChild(child: ExecutionRecord, signal: AbortSignal): Promise<ExecutionRecord | undefined> {
    const { store, claims } = this.world;
    const { execution } = await guardLedger(store.create(child));
    // It was cancelled along with its parent, which somebody brought back since.
    const claimed =
      execution.status === 'cancelled' && !signal.aborted
        ? await guardLedger(claims.reopen(execution, ['cancelled'], 'resumed'))
        : undefined;
    // The parent may have been stopped meanwhile, when there was nothing yet to stop along with it.
    if (execution.status !== 'succeeded' && !signal.aborted) {
      await this.world
        .dispatcher()
        .drive(execution.id, claimed)
        .catch((error: unknown) => {
          // What is no failure of the child is none of its parent either: both go on later.
          if (!(error instanceof WorkflowFailedError)) throw new LedgerFailure('the ledger failed', { cause: error });
        });
    }
    return guardLedger(store.find(execution.id));
  }

  private async cancelOne(workflow: string, parent: ExecutionRecord): Promise<void> {
    const { store, clock } = this.world;
    const child = await store.findByIdempotencyKey(workflow, keyOf(workflow, parent));
    if (!child || !(await store.cancel(child.id, { finishedAt: clock.epochNow() }))) return;
    this.world.cancelled(child);
    this.world.dispatcher().cancelled(child.id);
    await this.cancelAll(child);
  }
}

function keyOf(workflow: string, { id }: ExecutionRecord): string {
  return `${id}:fallback:${workflow}`;
}
