import { RecentMap } from '@nest-resilience/core/kit';
import { sortGraph } from '../graph/cycles.js';
import { unknownNode } from '../graph/build.js';
import type { CompiledAction, WorkflowDefinition } from '../graph/definition.js';
import { WorkflowDefinitionError, type WorkflowProblem } from '../graph/errors.js';
import { inputCheck } from '../graph/input-check.js';
import type { InputProblem } from '../graph/input-schema.js';
import { WorkflowNotFoundError } from '../workflow.errors.js';

/** What the registry must know about the application to check that every workflow can run in it. */
export interface RegistryWorld {
  handlerProblem(target: string): string | undefined;
  readonly hasLlm: boolean;
}

interface Entry {
  readonly definition: WorkflowDefinition;
  readonly checkInput: (input: unknown) => Promise<readonly InputProblem[]>;
}

const MAX_RETIRED = 100;

/** The workflows of one application, by name. */
export class WorkflowRegistry {
  private world: RegistryWorld | undefined;
  private entries: ReadonlyMap<string, Entry> = new Map();
  /** Replaced by a reload; executions that were submitted for them still need them. */
  private readonly retired = new RecentMap<WorkflowDefinition>(MAX_RETIRED);

  /** Takes all workflows at once. @throws {@link WorkflowDefinitionError} with `problems` and everything found here. */
  load(definitions: readonly WorkflowDefinition[], problems: readonly WorkflowProblem[], world: RegistryWorld): void {
    const names = definitions.map(({ name }) => name);
    const found = [
      ...problems,
      ...definitions.flatMap((definition) => check(definition, names, world)),
      ...circles(definitions),
    ];
    if (found.length > 0) throw new WorkflowDefinitionError(found);
    this.world = world;
    const kept = new Set(definitions.map(versionKey));
    for (const { definition } of this.entries.values()) if (!kept.has(versionKey(definition))) this.retire(definition);
    this.entries = new Map(
      definitions.map((definition) => {
        const checkInput = definition.inputSchema ? inputCheck(definition.inputSchema) : () => Promise.resolve([]);
        return [definition.name, { definition, checkInput }];
      }),
    );
  }

  /** Takes in an older or newer version than the one in use, for executions that were submitted for it. False when it cannot run here. */
  retain(definition: WorkflowDefinition): boolean {
    const { world } = this;
    const runs = world !== undefined && check({ ...definition, fallback: [] }, [definition.name], world).length === 0;
    if (runs) this.retire(definition);
    return runs;
  }

  get names(): string[] {
    return [...this.entries.keys()].sort();
  }

  find(name: string): WorkflowDefinition | undefined {
    return this.entries.get(name)?.definition;
  }

  /** A certain version, as long as it is known. */
  at(name: string, version: string): WorkflowDefinition | undefined {
    const current = this.find(name);
    return current?.version === version ? current : this.retired.peek(versionKey({ name, version }));
  }

  /** All that may still run: those in use, and those that a reload replaced not too long ago. */
  known(): WorkflowDefinition[] {
    return [...this.current(), ...this.retired.all()];
  }

  /** Those in use. */
  current(): WorkflowDefinition[] {
    return [...this.entries.values()].map(({ definition }) => definition);
  }

  /** @throws {@link WorkflowNotFoundError} */
  get(name: string): WorkflowDefinition {
    const definition = this.find(name);
    if (!definition) throw new WorkflowNotFoundError(name, this.names);
    return definition;
  }

  async inputProblems(name: string, input: unknown): Promise<readonly InputProblem[]> {
    return (await this.entries.get(name)?.checkInput(input)) ?? [];
  }

  private retire(definition: WorkflowDefinition): void {
    this.retired.set(versionKey(definition), definition);
  }
}

/** What tells apart all versions of all workflows. */
export function versionKey({ name, version }: Pick<WorkflowDefinition, 'name' | 'version'>): string {
  return `${name}@${version}`;
}

function check(definition: WorkflowDefinition, names: readonly string[], world: RegistryWorld): WorkflowProblem[] {
  const { name, draft } = definition;
  const problems: WorkflowProblem[] = [];
  const add = (message: string, path: readonly (string | number)[], node?: string): void => {
    problems.push({
      workflow: name,
      message,
      ...(node !== undefined && { node }),
      ...(draft.file && { file: draft.file }),
      ...draft.locate?.(path),
    });
  };
  if (names.indexOf(name) !== names.lastIndexOf(name)) add('another workflow has the same name', ['name']);
  for (const other of definition.fallback) {
    if (!names.includes(other))
      add(unknownNode('falls back to', other, names).replace('node of this workflow', 'workflow'), ['fallback']);
  }
  for (const [node, { action }] of definition.nodes) {
    for (const inner of flat(action)) {
      const problem = inner.type === 'call' ? world.handlerProblem(inner.target) : undefined;
      if (problem) add(problem, ['nodes', node, ...(action.type === 'each' ? ['each'] : []), 'call'], node);
      if (inner.type === 'llm' && !world.hasLlm) {
        add(
          "needs a language model: provide WORKFLOW_LLM or pass `llm` to WorkflowModule.forRoot, e.g. LlmService of '@nest-resilience/llm'",
          ['nodes', node],
          node,
        );
      }
    }
  }
  return problems;
}

function circles(definitions: readonly WorkflowDefinition[]): WorkflowProblem[] {
  const { cycles } = sortGraph(new Map(definitions.map(({ name, fallback }) => [name, fallback])));
  return cycles.map((cycle) => ({
    workflow: cycle[0] ?? '',
    message: `is its own fallback: ${[...cycle].reverse().join(' -> ')}`,
  }));
}

function flat(action: CompiledAction): CompiledAction[] {
  return action.type === 'each' ? [action, action.action] : [action];
}
