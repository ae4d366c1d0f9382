import type { WorkflowModuleOptions } from '../workflow.options.js';
import { collectWorkflows } from './collect-workflows.js';
import type { DiscoveredProvider } from './providers.js';
import type { RegistryWorld, WorkflowRegistry } from './workflow-registry.js';

/** What a reload came to. Names of workflows. */
export interface ReloadReport {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

/** Reads the workflows of the application, at boot and again when their files changed. */
export class WorkflowLoader {
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly options: WorkflowModuleOptions,
    private readonly providers: readonly DiscoveredProvider[],
    private readonly registry: WorkflowRegistry,
    private readonly world: RegistryWorld,
  ) {}

  /**
   * All or nothing: with a problem in any file, every workflow stays as it was.
   * @throws WorkflowDefinitionError with all problems
   */
  load(): Promise<ReloadReport> {
    // One after the other: the files that were read last must be the ones in use.
    const loading = this.last.then(() => this.read());
    this.last = loading.catch(() => undefined);
    return loading;
  }

  private async read(): Promise<ReloadReport> {
    const before = this.versions();
    const { definitions, problems } = await collectWorkflows(this.options, this.providers);
    this.registry.load(definitions, problems, this.world);
    const after = this.versions();
    return {
      added: [...after.keys()].filter((name) => !before.has(name)),
      changed: [...after].filter(([name, version]) => (before.get(name) ?? version) !== version).map(([name]) => name),
      removed: [...before.keys()].filter((name) => !after.has(name)),
    };
  }

  private versions(): Map<string, string> {
    return new Map(this.registry.names.map((name) => [name, this.registry.get(name).version]));
  }
}
