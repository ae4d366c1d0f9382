import { systemClock } from '@nest-resilience/core';
import type { WorkflowDefinition } from '../graph/definition.js';
import { canonicalJson, hashOf } from '../graph/version.js';
import type { ExecutionRecord } from '../ledger/execution.js';
import {
  ExecutorElsewhereError,
  StoreUnavailableError,
  WorkflowBusyError,
  WorkflowStoppingError,
} from '../workflow.errors.js';
import type { Dispatcher } from './dispatcher.js';
import type { ExecutorWorld } from './executor.world.js';
import type { Lease } from './lease.js';
import { DEFAULT_STORE_TIMEOUT_MS, LedgerPatience } from './ledger-patience.js';
import type { Place } from './run-queue.js';
import { checkSubmission, newExecution, sameInput } from './submission.js';

/** If whoever was told of it does not take it up by then, somebody else is told. */
const DUE_MS = 10_000;

export interface StartOptions {
  /** The same key always leads to the same execution, at most 255 characters. */
  readonly idempotencyKey?: string;
}

export interface SubmissionsParts {
  readonly world: ExecutorWorld;
  readonly dispatcher: Dispatcher;
  readonly lease: Lease | undefined;
  readonly owner: string;
  readonly nextId: () => string;
}

/** Takes executions in: checks them, finds them a place, and has the ledger keep them. */
export class Submissions {
  private readonly patience: LedgerPatience;

  constructor(private readonly parts: SubmissionsParts) {
    const { world } = parts;
    this.patience = new LedgerPatience(
      world.patience ?? systemClock,
      world.storeTimeoutMs ?? DEFAULT_STORE_TIMEOUT_MS,
      (error) => world.unanswered?.(error),
    );
  }

  /** Resolves once the execution is durable; `created` is false when the key (or `join`) led to an earlier one. */
  async start(
    workflow: string,
    input: unknown,
    { idempotencyKey }: StartOptions,
  ): Promise<{ execution: ExecutionRecord; created: boolean }> {
    const { world, dispatcher, lease, owner, nextId } = this.parts;
    const definition = world.registry.get(workflow);
    if (dispatcher.stopping) throw new WorkflowStoppingError(workflow);
    const maxBytes = world.limits.inputBytes;
    const value = await checkSubmission(world.registry, workflow, input, { idempotencyKey, maxBytes });
    const inputHash = hashOf(canonicalJson(value));
    await dispatcher.suspects.courtesy();
    const notOpen = world.notOpen?.();
    if (notOpen !== undefined) throw new StoreUnavailableError(notOpen);
    const inTime = this.patience.begin();
    // While the lease is certainly ours nobody is asked, and nothing is known of the ledger.
    const isOurs = !lease || lease.certain() === true;
    const elsewhere = isOurs ? undefined : await inTime(() => this.elsewhere());
    // All that may have taken a while.
    if (dispatcher.stopping) throw new WorkflowStoppingError(workflow);
    const place = elsewhere ? undefined : dispatcher.reserve();
    if (!place) {
      // A key that is known already takes no place.
      const known = await this.findByKey(workflow, idempotencyKey, inTime);
      if (known) return { execution: sameInput(known, inputHash), created: false };
      throw elsewhere ?? new WorkflowBusyError(workflow, dispatcher.load.queued, this.retryAfterMs());
    }
    const now = world.clock.epochNow();
    const record: ExecutionRecord = {
      ...newExecution(definition, { id: nextId(), input: value, inputHash, now }),
      ...(place === 'running' && { status: 'running', owner, startedAt: now }),
      ...(idempotencyKey !== undefined && { idempotencyKey }),
      ...(definition.join && { joinKey: `${workflow}:${definition.version}:${inputHash}` }),
    };
    const { execution, created } = await inTime(() => this.keep(record, definition, place));
    return { execution: sameInput(execution, inputHash), created };
  }

  /** @throws StoreUnavailableError when the ledger does not answer in time */
  async findByKey(
    workflow: string,
    idempotencyKey: string | undefined,
    inTime = this.patience.begin(),
  ): Promise<ExecutionRecord | undefined> {
    if (idempotencyKey === undefined) return undefined;
    return inTime(() => this.parts.world.store.findByIdempotencyKey(workflow, idempotencyKey));
  }

  /** Whether or not anybody still waits: what the ledger has taken runs. */
  private async keep(record: ExecutionRecord, definition: WorkflowDefinition, place: Place) {
    const { world, dispatcher } = this.parts;
    dispatcher.arriving.add(record.id);
    try {
      const found = await world.store.create(record, world.cluster && { dueMs: DUE_MS });
      if (found.created) dispatcher.accept(found.execution, definition, place);
      else dispatcher.release(place);
      return found;
    } catch (error) {
      dispatcher.release(place);
      dispatcher.lookFor(record.id, error);
      throw error;
    } finally {
      dispatcher.arriving.delete(record.id);
    }
  }

  /** Why this process may run nothing, if it may not. */
  private async elsewhere(): Promise<Error | undefined> {
    try {
      await this.parts.lease?.require();
      return undefined;
    } catch (error) {
      if (error instanceof ExecutorElsewhereError) return error;
      throw error;
    }
  }

  /** A guess: the queue moves by one run's worth of time for each full set of places. */
  private retryAfterMs(): number {
    const { dispatcher, world } = this.parts;
    return Math.min(60_000, 1_000 * Math.ceil(dispatcher.load.queued / Math.max(1, world.limits.running)));
  }
}
