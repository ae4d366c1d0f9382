import { buildWorkflow } from '../../graph/build.js';
import type { WorkflowDefinition } from '../../graph/definition.js';
import type {
  EachAction,
  HttpAction,
  LlmAction,
  NodeAction,
  NodeDraft,
  NodeSettings,
  WorkflowDraft,
  WorkflowSettings,
} from '../../graph/draft.js';
import type { StepContext } from '../../graph/step-context.js';

/** Exactly one thing to do. */
export type NodeWork =
  | { readonly run: (context: StepContext) => unknown }
  | { readonly llm: LlmAction }
  | { readonly http: HttpAction }
  | { readonly call: string }
  | { readonly transform: unknown }
  | { readonly constant: unknown }
  | { readonly each: Omit<EachAction, 'action'> & NodeWork };

/** Starts a workflow in code: `workflow('receipts').node('fetch', { run: ... }).node('extract', { after: 'fetch', llm: ... }).build()`. */
export function workflow(name: string, settings: WorkflowSettings = {}): WorkflowBuilder {
  return new WorkflowBuilder({ ...settings, name, nodes: [] });
}

/** Every call returns a new builder: a common beginning can be continued in several ways. */
export class WorkflowBuilder {
  constructor(private readonly draft: WorkflowDraft) {}

  node(name: string, node: NodeSettings & NodeWork): WorkflowBuilder {
    return new WorkflowBuilder({ ...this.draft, nodes: [...this.draft.nodes, toDraft(name, node)] });
  }

  /** @throws WorkflowDefinitionError with every problem at once */
  build(): WorkflowDefinition {
    return buildWorkflow(this.draft);
  }
}

const KINDS = ['run', 'llm', 'http', 'call', 'transform', 'constant', 'each'];

function toDraft(name: string, node: NodeSettings & NodeWork): NodeDraft {
  const settings: NodeSettings = Object.fromEntries(Object.entries(node).filter(([key]) => !KINDS.includes(key)));
  return { ...settings, name, action: toAction(name, node) };
}

function toAction(name: string, work: NodeWork): NodeAction {
  const kinds = KINDS.filter((kind) => kind in work);
  if (kinds.length !== 1)
    throw new TypeError(
      `node '${name}' needs exactly one of run, llm, http, call, transform, constant, each; it has ${kinds.join(', ') || 'none'}`,
    );
  if ('run' in work) return { type: 'run', run: work.run };
  if ('llm' in work) return { type: 'llm', llm: work.llm };
  if ('http' in work) return { type: 'http', http: work.http };
  if ('call' in work) return { type: 'call', target: work.call };
  if ('transform' in work) return { type: 'transform', transform: work.transform };
  if ('constant' in work) return { type: 'constant', value: work.constant };
  const { items, as, concurrency, partial, ...inner } = work.each;
  const action = toAction(name, inner);
  if (action.type === 'each')
    throw new TypeError(`node '${name}': each inside each is not possible; call a workflow of its own instead`);
  const options = {
    ...(as !== undefined && { as }),
    ...(concurrency !== undefined && { concurrency }),
    ...(partial !== undefined && { partial }),
  };
  return { type: 'each', each: { items, ...options, action } };
}
