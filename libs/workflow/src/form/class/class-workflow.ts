import type { WorkflowDraft } from '../../graph/draft.js';
import type { NamedProvider } from '../../registry/handlers.js';
import { stepSettings } from './step.decorator.js';
import { WORKFLOW_METADATA, type WorkflowMetadata } from './workflow.decorator.js';

/** The draft of a `@Workflow()` class; `undefined` for any other class. */
export function classWorkflow(
  provider: NamedProvider & { readonly type: abstract new (...args: never[]) => unknown },
): WorkflowDraft | undefined {
  const settings = Reflect.getOwnMetadata(WORKFLOW_METADATA, provider.type) as WorkflowMetadata | undefined;
  if (!settings) return undefined;
  const prototype = provider.type.prototype as object;
  return {
    ...settings,
    nodes: provider.methods.flatMap((method) => {
      const step = stepSettings(prototype, method);
      if (!step) return [];
      const { each, ...settings } = step;
      const run = (context: unknown): unknown => stepOf(provider, method)(context);
      const action = { type: 'run' as const, method: `${provider.name}.${method}`, run };
      return [
        { ...settings, name: method, action: each ? { type: 'each' as const, each: { ...each, action } } : action },
      ];
    }),
  };
}

function stepOf(provider: NamedProvider, method: string): (context: unknown) => unknown {
  const instance = provider.instance() as Record<string, (context: unknown) => unknown> | undefined;
  if (!instance) throw new Error(`'${provider.name}' has no instance; workflows need a provider of the default scope`);
  return (context) => instance[method]?.(context);
}
