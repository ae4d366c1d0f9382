import type { NodeDefinition } from '../graph/definition.js';
import type { ExecutionLedger, NodeRecord } from '../ledger/execution.js';
import type { ExecutionStore } from '../ledger/execution-store.js';
import type { WorkflowRegistry } from '../registry/workflow-registry.js';
import { ExecutionNotFoundError } from '../workflow.errors.js';
import type { Claims } from './claims.js';
import type { NodeRun } from './node-call.js';
import type { NodeRunner } from './node-runner.js';
import { resultsOf } from './summary.js';

/** Runs parts of an execution once more, for their dead letters. */
export class Redrives {
  constructor(
    private readonly world: {
      readonly store: ExecutionStore;
      readonly registry: WorkflowRegistry;
      readonly claims: Claims;
      readonly nodes: NodeRunner;
    },
  ) {}

  /** Runs a failed optional node and puts its result into the ledger. Rejects when it fails again. */
  async node(executionId: string, name: string): Promise<void> {
    const { node, run, records } = await this.find(executionId, name);
    if (!node || records.get(name)?.status !== 'failed') return;
    const results = Object.freeze(resultsOf(records, node.ancestors));
    const { record, error } = await this.world.nodes.run(node, run, results);
    if (record.status === 'failed') throw error;
    await this.world.store.amend(executionId, record);
  }

  /** Runs one item of an `each` node. The ledger keeps what the run saw. Rejects when it fails again. */
  async item(executionId: string, name: string, index: number): Promise<void> {
    const { node, run, records } = await this.find(executionId, name);
    if (!node) return;
    await this.world.nodes.redriveItem(node, run, Object.freeze(resultsOf(records, node.ancestors)), index);
  }

  private async find(
    executionId: string,
    name: string,
  ): Promise<{ node: NodeDefinition | undefined; run: NodeRun; records: Map<string, NodeRecord> }> {
    const { store, registry, claims } = this.world;
    const ledger: ExecutionLedger | undefined = await store.get(executionId);
    if (!ledger) throw new ExecutionNotFoundError(executionId);
    const definition = claims.definitionOf(ledger) ?? registry.get(ledger.workflow);
    return {
      node: definition.nodes.get(name),
      run: { definition, executionId, input: ledger.input, signal: new AbortController().signal },
      records: new Map(ledger.nodes.map((record) => [record.node, record])),
    };
  }
}
