import type { NodeDefinition, WorkflowDefinition } from '../graph/definition.js';
import { isFinal, type NodeRecord } from '../ledger/execution.js';

/** Everything that one walk through a graph needs. */
export interface Walk {
  readonly definition: WorkflowDefinition;
  /** Checkpoints of an earlier walk: these nodes do not run again. Grows as nodes end. */
  readonly finished: Map<string, NodeRecord>;
  /** Nodes at work at once. */
  readonly parallel: number;
  /** Runs one node. */
  run(node: NodeDefinition): Promise<NodeRecord>;
  /** The record of a node that need not run because all it waited for was skipped. */
  skip(node: NodeDefinition): NodeRecord;
  /** Makes a record durable and resolves with what was kept; nothing that waits for the node starts before. */
  checkpoint(record: NodeRecord): Promise<NodeRecord>;
}

/**
 * Runs every node as soon as all it waits for has ended. After a failure that is not optional nothing new starts, but what is at work
 * may finish and is kept: a resumed run then has less to do again. Resolves with the record of the first failure, if any;
 * rejects with the first error of `run` or `checkpoint`, once nothing is at work any more.
 */
export function traverse(walk: Walk): Promise<NodeRecord | undefined> {
  const { definition, finished, parallel } = walk;
  const waiting = new Map<string, number>();
  const dependents = new Map<string, NodeDefinition[]>();
  const ready: NodeDefinition[] = [];
  let working = 0;
  let failed: NodeRecord | undefined;
  let broken: { error: unknown } | undefined;

  for (const name of definition.order) {
    const node = definition.nodes.get(name);
    if (!node || isFinal(finished.get(name))) continue;
    const open = node.after.filter((other) => !isFinal(finished.get(other)));
    for (const other of open) {
      const list = dependents.get(other);
      if (list) list.push(node);
      else dependents.set(other, [node]);
    }
    if (open.length === 0) ready.push(node);
    else waiting.set(name, open.length);
  }

  return new Promise((resolve, reject) => {
    pump();

    function pump(): void {
      while (!failed && !broken && working < parallel) {
        const node = ready.shift();
        if (!node) break;
        working++;
        void work(node);
      }
      if (working > 0) return;
      if (broken) reject(broken.error);
      else resolve(failed);
    }

    async function work(node: NodeDefinition): Promise<void> {
      try {
        const allSkipped =
          node.after.length > 0 && node.after.every((other) => finished.get(other)?.status === 'skipped');
        const record = await walk.checkpoint(allSkipped ? walk.skip(node) : await walk.run(node));
        finished.set(node.name, record);
        if (isFinal(record)) release(node.name);
        else failed ??= record;
      } catch (error) {
        broken ??= { error };
      }
      working--;
      pump();
    }

    function release(name: string): void {
      for (const dependent of dependents.get(name) ?? []) {
        const left = (waiting.get(dependent.name) ?? 1) - 1;
        waiting.set(dependent.name, left);
        if (left === 0) ready.push(dependent);
      }
    }
  });
}
