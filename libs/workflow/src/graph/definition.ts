import type { Expression } from '../expression/expression.js';
import type { Mapping } from '../expression/mapping.js';
import type { JsonSchema, LlmAction, NodeAction, NodePolicies, WorkflowDraft } from './draft.js';

/** A workflow that was checked and compiled: what the executor runs, whatever form it was written in. */
export interface WorkflowDefinition {
  readonly name: string;
  /** Hash of everything that was declared: two workflows with the same version run the same graph. */
  readonly version: string;
  readonly description: string | undefined;
  readonly inputSchema: JsonSchema | undefined;
  readonly nodes: ReadonlyMap<string, NodeDefinition>;
  /** Nodes of the graph (without standby nodes) so that each comes after those it waits for. */
  readonly order: readonly string[];
  readonly output: Mapping | undefined;
  readonly deadlineMs: number | undefined;
  readonly join: boolean;
  readonly deadLetter: boolean;
  /** By priority. */
  readonly fallback: readonly string[];
  /** As it was declared, for people to read. */
  readonly draft: WorkflowDraft;
}

export interface NodeDefinition {
  readonly name: string;
  readonly after: readonly string[];
  /** Everything that has certainly ended before: what the node's expressions may read. */
  readonly ancestors: readonly string[];
  /** A fallback of another node: runs only in its place. */
  readonly standby: boolean;
  readonly when: Expression | undefined;
  readonly input: Mapping | undefined;
  readonly optional: boolean;
  readonly deadLetter: boolean;
  /** By priority. */
  readonly fallback: readonly string[];
  readonly policies: NodePolicies;
  readonly action: CompiledAction;
}

export type CompiledAction =
  | {
      readonly type: 'llm';
      readonly messages: readonly CompiledMessage[];
      readonly schema: JsonSchema | undefined;
      readonly model: string | undefined;
    }
  | { readonly type: 'call'; readonly target: string }
  | { readonly type: 'transform'; readonly transform: Mapping }
  | { readonly type: 'constant'; readonly value: unknown }
  | {
      readonly type: 'each';
      readonly items: Expression;
      readonly as: string;
      readonly concurrency: number;
      readonly partial: boolean;
      readonly action: ItemAction;
    }
  | Extract<NodeAction, { type: 'run' }>;

export type ItemAction = Exclude<CompiledAction, { type: 'each' }>;

export interface CompiledMessage {
  readonly role: NonNullable<LlmAction['messages']>[number]['role'];
  readonly content: Mapping;
}
