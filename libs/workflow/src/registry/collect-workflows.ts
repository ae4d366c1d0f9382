import { WorkflowBuilder } from '../form/builder/workflow.builder.js';
import { classWorkflow } from '../form/class/class-workflow.js';
import { loadWorkflowFiles } from '../form/file/load-workflows.js';
import { checkWorkflow } from '../graph/build.js';
import type { WorkflowDefinition } from '../graph/definition.js';
import { WorkflowDefinitionError, type WorkflowProblem } from '../graph/errors.js';
import type { WorkflowModuleOptions } from '../workflow.options.js';
import type { DiscoveredProvider } from './providers.js';

/** Where the application keeps its workflow files. */
export function directoriesOf({ directory = [] }: WorkflowModuleOptions): readonly string[] {
  return typeof directory === 'string' ? [directory] : directory;
}

/** Every workflow of the application, whatever its form, and everything wrong with any of them. */
export async function collectWorkflows(
  options: WorkflowModuleOptions,
  providers: readonly DiscoveredProvider[],
): Promise<{ definitions: WorkflowDefinition[]; problems: WorkflowProblem[] }> {
  const { definitions: own = [] } = options;
  const files = await loadWorkflowFiles(directoriesOf(options));
  const drafts = [
    ...providers.flatMap((provider) => classWorkflow(provider) ?? []),
    ...files.flatMap(({ draft }) => draft ?? []),
  ];
  const checked = [...drafts.map(checkWorkflow), ...own.map(built)];
  return {
    definitions: checked.flatMap(({ definition }) => definition ?? []),
    problems: [...files, ...checked].flatMap(({ problems }) => problems),
  };
}

function built(item: WorkflowDefinition | WorkflowBuilder): ReturnType<typeof checkWorkflow> {
  if (!(item instanceof WorkflowBuilder)) return { definition: item, problems: [] };
  try {
    return { definition: item.build(), problems: [] };
  } catch (error) {
    if (error instanceof WorkflowDefinitionError) return { problems: error.problems };
    throw error;
  }
}
