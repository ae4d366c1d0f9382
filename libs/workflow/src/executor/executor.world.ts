import type { Clock, Random, ShutdownWait } from '@nest-resilience/core';
import type { NodeDefinition, WorkflowDefinition } from '../graph/definition.js';
import type { WorkflowCluster } from '../cluster/seams.js';
import type { ExecutionStore } from '../ledger/execution-store.js';
import type { LlmPort } from '../llm.port.js';
import type { HandlerTable } from '../registry/handlers.js';
import type { WorkflowRegistry } from '../registry/workflow-registry.js';
import type { RequestClient } from '../request/request.client.js';
import type { WorkflowLimits } from '../workflow.limits.js';
import type { NodePolicy } from './node-runner.js';

/** What the executor stands on. */
export interface ExecutorWorld {
  readonly store: ExecutionStore;
  readonly registry: WorkflowRegistry;
  readonly handlers: HandlerTable;
  readonly llm: LlmPort | undefined;
  readonly clock: Clock;
  readonly closing: Pick<ShutdownWait, 'forWork' | 'forLast'>;
  readonly limits: WorkflowLimits;
  /** Makes the requests of `http` nodes. */
  readonly requests: RequestClient;
  /** @param node `undefined` for the policy around a whole run */
  createPolicy(definition: WorkflowDefinition, node: NodeDefinition | undefined): NodePolicy;
  /** Calls `Executor.drive` in such a way that a failure becomes a dead letter. */
  driveWithDeadLetter(workflow: string, executionId: string): Promise<void>;
  /** Makes a dead letter of a failed node; resolves with its id. */
  keepNode(workflow: string, executionId: string, node: string, error: unknown): Promise<string | undefined>;
  /** Makes a dead letter of a failed item of an `each` node; resolves with its id. */
  keepItem(
    workflow: string,
    executionId: string,
    node: string,
    index: number,
    error: unknown,
  ): Promise<string | undefined>;
  /** Lets several processes run executions; needs a store that can be shared. */
  readonly cluster?: WorkflowCluster | undefined;
  /** @default true: what earlier processes left goes on by itself */
  readonly resume?: boolean;
  /** Milliseconds that a submission waits for the ledger. @default 2000 */
  readonly storeTimeoutMs?: number;
  /** By which submissions wait for the ledger. @default the system's: an application may submit while a test's clock stands still */
  readonly patience?: Clock;
  readonly random?: Random;
  /** Why the ledger is not open yet, if it is not. */
  notOpen?(): unknown;
  /** The ledger has not answered in time. */
  unanswered?(error: Error): void;
  log?(message: string): void;
  /** @param error `undefined`: the message says it all */
  report(message: string, error: unknown): void;
}
