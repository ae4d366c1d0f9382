import { checkWorkflow } from '../graph/build.js';
import type { WorkflowDefinition } from '../graph/definition.js';
import type { WorkflowDraft } from '../graph/draft.js';
import type { SharedLedger } from '../ledger/execution-store.js';
import { versionKey, type WorkflowRegistry } from './workflow-registry.js';

/** Definitions that are data, kept in the ledger: an execution can go on with its version in a process that only has another one. */
export class KeptDefinitions {
  private readonly kept = new Set<string>();

  constructor(
    private readonly shared: SharedLedger | undefined,
    private readonly registry: WorkflowRegistry,
  ) {}

  /** Keeps those in use that are not kept yet. */
  async keep(): Promise<void> {
    for (const definition of this.registry.current()) {
      const key = versionKey(definition);
      const source = this.shared && !this.kept.has(key) ? sourceOf(definition.draft) : undefined;
      if (source !== undefined) await this.shared?.keepDefinition(definition.name, definition.version, source);
      this.kept.add(key);
    }
  }

  /** A version that this process does not have, if the ledger has it and everything that it calls is here. */
  async find(name: string, version: string): Promise<WorkflowDefinition | undefined> {
    const source = await this.shared?.definition(name, version);
    if (source === undefined) return undefined;
    const { definition } = checkWorkflow(JSON.parse(source) as WorkflowDraft);
    return definition?.version === version && this.registry.retain(definition) ? definition : undefined;
  }
}

/** As JSON; `undefined` for what is made of code. */
function sourceOf({ file: _, locate: __, ...draft }: WorkflowDraft): string | undefined {
  let isData = true;
  const source = JSON.stringify(draft, (_key, value: unknown) => {
    isData &&= typeof value !== 'function' && typeof value !== 'bigint' && typeof value !== 'symbol';
    return value;
  });
  return isData ? source : undefined;
}
