import { Inject, Injectable } from '@nestjs/common';
import { DeadLetter, DeadLetterService } from '@nest-resilience/core';

/** Queue of failed runs. */
export const WORKFLOW_QUEUE = 'workflows';
/** Queue of failed optional nodes. */
export const WORKFLOW_NODE_QUEUE = 'workflow-nodes';

/** Queue of failed items of `each` nodes. */
export const WORKFLOW_ITEM_QUEUE = 'workflow-items';

/** What runs executions; bound while the application starts. */
export interface RunEngine {
  drive(executionId: string): Promise<void>;
  redriveNode(executionId: string, node: string): Promise<void>;
  redriveItem(executionId: string, node: string, index: number): Promise<void>;
}

/**
 * The methods whose failed calls are the dead letters of workflows. A run is a call of `run`; redriving its entry calls `run` again,
 * which goes on at the first unfinished node of the same execution. The keys make sure that an execution never has two entries.
 */
@Injectable()
export class WorkflowRuns {
  private engine: RunEngine | undefined;

  constructor(@Inject(DeadLetterService) private readonly deadLetters: DeadLetterService) {}

  bind(engine: RunEngine): void {
    this.engine = engine;
  }

  @DeadLetter({ queue: WORKFLOW_QUEUE, idempotencyKey: (_workflow: string, executionId: string) => executionId })
  async run(_workflow: string, executionId: string): Promise<void> {
    await this.bound().drive(executionId);
  }

  /** Runs a failed optional node again, without the run around it. */
  @DeadLetter({
    queue: WORKFLOW_NODE_QUEUE,
    idempotencyKey: (_workflow: string, executionId: string, node: string) => `${executionId}:${node}`,
  })
  async node(_workflow: string, executionId: string, node: string): Promise<void> {
    await this.bound().redriveNode(executionId, node);
  }

  /** Runs a failed item of an `each` node again, without the rest of the batch. */
  @DeadLetter({
    queue: WORKFLOW_ITEM_QUEUE,
    idempotencyKey: (_workflow: string, executionId: string, node: string, index: number) =>
      `${executionId}:${node}:${index}`,
  })
  async item(_workflow: string, executionId: string, node: string, index: number): Promise<void> {
    await this.bound().redriveItem(executionId, node, index);
  }

  /** Makes a dead letter of a node that has just failed with `error`; resolves with its id. */
  keepNode(workflow: string, executionId: string, node: string, error: unknown): Promise<string | undefined> {
    return this.deadLetters.add({ target: 'WorkflowRuns.node', args: [workflow, executionId, node], error });
  }

  /** Makes a dead letter of an item that has just failed with `error`; resolves with its id. */
  keepItem(
    workflow: string,
    executionId: string,
    node: string,
    index: number,
    error: unknown,
  ): Promise<string | undefined> {
    return this.deadLetters.add({ target: 'WorkflowRuns.item', args: [workflow, executionId, node, index], error });
  }

  private bound(): RunEngine {
    if (!this.engine) throw new Error('workflows are not ready: the application is still starting');
    return this.engine;
  }
}
