import { randomUUID } from 'node:crypto';
import type { Clock } from '@nest-resilience/core';
import type { NodeDefinition, WorkflowDefinition } from '../graph/definition.js';
import { canonicalJson, hashOf } from '../graph/version.js';
import { type ExecutionRecord, NO_TOTALS } from '../ledger/execution.js';
import type { ExecutionStore } from '../ledger/execution-store.js';
import { toJsonValue } from '../ledger/json-value.js';
import type { LlmPort } from '../llm.port.js';
import type { HandlerTable } from '../registry/handlers.js';
import type { WorkflowRegistry } from '../registry/workflow-registry.js';
import {
  ExecutionNotFoundError,
  IdempotencyConflictError,
  WorkflowBusyError,
  WorkflowInputError,
  WorkflowStoppingError,
} from '../workflow.errors.js';
import type { WorkflowLimits } from '../workflow.limits.js';
import { Dispatcher } from './dispatcher.js';
import { executionIds } from './execution-id.js';
import { ExecutionRunner } from './execution-runner.js';
import { type NodePolicy, NodeRunner } from './node-runner.js';
import { resultsOf } from './summary.js';

/** What the executor stands on. */
export interface ExecutorWorld {
  readonly store: ExecutionStore;
  readonly registry: WorkflowRegistry;
  readonly handlers: HandlerTable;
  readonly llm: LlmPort | undefined;
  readonly clock: Clock;
  readonly limits: WorkflowLimits;
  createPolicy(definition: WorkflowDefinition, node: NodeDefinition): NodePolicy;
  /** Calls {@link Executor.drive} in such a way that a failure becomes a dead letter. */
  driveWithDeadLetter(workflow: string, executionId: string): Promise<void>;
  /** Makes a dead letter of a failed node; resolves with its id. */
  keepNode(workflow: string, executionId: string, node: string, error: unknown): Promise<string | undefined>;
  report(message: string, error: unknown): void;
}

export interface StartOptions {
  /** The same key always leads to the same execution, at most 255 characters. */
  readonly idempotencyKey?: string;
}

/** Accepts executions and runs them. */
export class Executor {
  readonly dispatcher: Dispatcher;
  private readonly nodes: NodeRunner;
  private readonly owner = randomUUID();
  private readonly nextId: () => string;
  private readonly policies = new Map<string, NodePolicy>();

  constructor(private readonly world: ExecutorWorld) {
    const { store, registry, handlers, llm, clock, limits } = world;
    this.nextId = executionIds(() => clock.epochNow());
    this.nodes = new NodeRunner({
      clock,
      llm,
      maxResultBytes: limits.resultBytes,
      handler: (target) => handlers.resolve(target),
      policy: (definition, node) => this.policyOf(definition, node),
    });
    const runner = new ExecutionRunner({
      store,
      clock,
      limits,
      owner: this.owner,
      nodes: this.nodes,
      stopping: () => this.dispatcher.stopping,
      runFallback: (workflow, parent) => this.runFallback(workflow, parent),
      keepNode: (execution, record, error) => world.keepNode(execution.workflow, execution.id, record.node, error),
    });
    this.dispatcher = new Dispatcher(
      {
        store,
        registry,
        clock,
        limits,
        owner: this.owner,
        driveWithDeadLetter: (workflow, id) => world.driveWithDeadLetter(workflow, id),
        report: (message, error) => world.report(message, error),
      },
      runner,
    );
  }

  /** Resolves once the execution is durable; `created` is false when the key (or `join`) led to an earlier one. */
  async start(
    workflow: string,
    input: unknown,
    { idempotencyKey }: StartOptions = {},
  ): Promise<{ execution: ExecutionRecord; created: boolean }> {
    const { registry, store, clock } = this.world;
    const definition = registry.get(workflow);
    if (this.dispatcher.stopping) throw new WorkflowStoppingError(workflow);
    const value = this.checkInput(workflow, input, idempotencyKey);
    const inputHash = hashOf(canonicalJson(value));
    const place = this.dispatcher.reserve();
    if (!place) {
      // A key that is known already takes no place.
      const known =
        idempotencyKey === undefined ? undefined : await store.findByIdempotencyKey(workflow, idempotencyKey);
      if (known) return { execution: sameInput(known, inputHash), created: false };
      throw new WorkflowBusyError(workflow, this.dispatcher.load.queued, this.retryAfterMs());
    }
    const now = clock.epochNow();
    const record: ExecutionRecord = {
      ...this.newRecord(definition, value, inputHash, now),
      ...(place === 'running' ? { status: 'running', owner: this.owner, startedAt: now } : { status: 'queued' }),
      ...(idempotencyKey !== undefined && { idempotencyKey }),
      ...(definition.join && { joinKey: `${workflow}:${definition.version}:${inputHash}` }),
    };
    try {
      const { execution, created } = await store.create(record);
      if (created) this.dispatcher.accept(execution, place);
      else this.dispatcher.release(place);
      return { execution: sameInput(execution, inputHash), created };
    } catch (error) {
      if (!(error instanceof IdempotencyConflictError)) this.dispatcher.release(place);
      throw error;
    }
  }

  /** Runs a failed optional node once more, for a dead letter, and puts its result into the ledger. Rejects when it fails again. */
  async redriveNode(executionId: string, name: string): Promise<void> {
    const ledger = await this.world.store.get(executionId);
    if (!ledger) throw new ExecutionNotFoundError(executionId);
    const definition = this.world.registry.get(ledger.workflow);
    const node = definition.nodes.get(name);
    const records = new Map(ledger.nodes.map((record) => [record.node, record]));
    if (!node || records.get(name)?.status !== 'failed') return;
    const run = { definition, executionId, input: ledger.input, signal: new AbortController().signal };
    const { record, error } = await this.nodes.run(node, run, Object.freeze(resultsOf(records, node.ancestors)));
    if (record.status === 'failed') throw error;
    await this.world.store.amend(executionId, record);
  }

  private checkInput(workflow: string, input: unknown, idempotencyKey: string | undefined) {
    const problems = [];
    if (idempotencyKey !== undefined && !/^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/.test(idempotencyKey)) {
      problems.push({ field: 'Idempotency-Key', message: 'must be 1 to 255 printable ASCII characters' });
    }
    let value;
    try {
      value = toJsonValue(input, 'the input', this.world.limits.inputBytes);
      problems.push(...this.world.registry.inputProblems(workflow, value));
    } catch (error) {
      problems.push({ field: '', message: (error as Error).message.replace('the input ', '') });
    }
    if (problems.length > 0 || value === undefined) throw new WorkflowInputError(workflow, problems);
    return value;
  }

  private newRecord(
    definition: WorkflowDefinition,
    input: ExecutionRecord['input'],
    inputHash: string,
    now: number,
  ): ExecutionRecord {
    return {
      id: this.nextId(),
      workflow: definition.name,
      version: definition.version,
      status: 'running',
      input,
      inputHash,
      createdAt: now,
      resumes: 0,
      degraded: false,
      totals: NO_TOTALS,
      ...(definition.deadlineMs !== undefined && { deadlineAt: now + definition.deadlineMs }),
    };
  }

  private runFallback(workflow: string, parent: ExecutionRecord): Promise<ExecutionRecord | undefined> {
    const now = this.world.clock.epochNow();
    const record = this.newRecord(this.world.registry.get(workflow), parent.input, parent.inputHash, now);
    return this.dispatcher.runChild({
      ...record,
      status: 'queued',
      parentId: parent.id,
      idempotencyKey: `${parent.id}:fallback:${workflow}`,
    });
  }

  private policyOf(definition: WorkflowDefinition, node: NodeDefinition): NodePolicy | undefined {
    if (Object.keys(node.policies).length === 0) return undefined;
    const key = `${definition.name}@${definition.version}.${node.name}`;
    const policy = this.policies.get(key) ?? this.world.createPolicy(definition, node);
    this.policies.set(key, policy);
    return policy;
  }

  /** A guess: the queue moves by one run's worth of time for each full set of places. */
  private retryAfterMs(): number {
    const { queued } = this.dispatcher.load;
    return Math.min(60_000, 1_000 * Math.ceil(queued / Math.max(1, this.world.limits.running)));
  }
}

function sameInput(execution: ExecutionRecord, inputHash: string): ExecutionRecord {
  if (execution.inputHash === inputHash || execution.idempotencyKey === undefined) return execution;
  throw new IdempotencyConflictError(execution.workflow, execution.idempotencyKey, execution.id);
}
