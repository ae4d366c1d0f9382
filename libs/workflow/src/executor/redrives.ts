import type { NodeDefinition } from '../graph/definition.js';
import type { ExecutionLedger, NodeRecord } from '../ledger/execution.js';
import type { ExecutionStore } from '../ledger/execution-store.js';
import type { WorkflowRegistry } from '../registry/workflow-registry.js';
import { ExecutionNotFoundError } from '../workflow.errors.js';
import type { Claims } from './claims.js';
import { LargeLists } from './large-lists.js';
import type { NodeRun } from './node-call.js';
import type { NodeRunner } from './node-runner.js';
import { resultsOf, withEarlier } from './summary.js';

/** Runs parts of an execution once more, for their dead letters. */
export class Redrives {
  constructor(
    private readonly world: {
      readonly store: ExecutionStore;
      readonly registry: WorkflowRegistry;
      readonly claims: Claims;
      readonly nodes: NodeRunner;
      readonly listBytes: number;
    },
  ) {}

  /** Runs a failed optional node and puts its result into the ledger. Rejects when it fails again. */
  async node(executionId: string, name: string): Promise<void> {
    const { node, run, records } = await this.find(executionId, name);
    if (!node || records.get(name)?.status !== 'failed') return;
    const results = this.resultsOf(executionId, node, records);
    const { record, error } = await this.world.nodes.run(node, run, results);
    if (record.status === 'failed') throw error;
    await this.world.store.amend(executionId, record);
  }

  /**
   * Runs one item of an `each` node, and puts it into the ledger where that keeps items; the node's record keeps what the run saw.
   * Rejects when it fails again.
   */
  async item(executionId: string, name: string, index: number): Promise<void> {
    const { items } = this.world.store;
    const { node, run, records } = await this.find(executionId, name);
    if (!node) return;
    const ended = await this.world.nodes.redriveItem(node, run, this.resultsOf(executionId, node, records), index);
    if (!ended) return;
    const before = (await items?.page(executionId, { node: name, cursor: index - 1, limit: 1 }))?.items[0];
    if (before?.index === index) {
      const { deadLetterId } = before;
      const record = withEarlier(ended.record, before);
      const kept = { ...record, ...('error' in ended && deadLetterId !== undefined && { deadLetterId }) };
      await items?.amend(executionId, kept);
    }
    if ('error' in ended) throw ended.error;
  }

  private resultsOf(executionId: string, node: NodeDefinition, records: ReadonlyMap<string, NodeRecord>) {
    const { store, listBytes } = this.world;
    return Object.freeze(resultsOf(records, node.ancestors, new LargeLists(store.items, executionId, listBytes)));
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
