import type { DegradedAnswers } from '../llm.port.js';
import type { Expression } from '../expression/expression.js';
import type { Mapping } from '../expression/mapping.js';
import type { HttpMethod, JsonSchema, LlmAction, NodeAction, WorkflowDraft } from './draft.js';
import type { CompiledHeal } from './heal.js';
import type { CompiledPolicies } from './policies.js';

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
  /** Policies around a whole run. */
  readonly policies: CompiledPolicies;
  readonly requireHealth: boolean | readonly string[];
  /** As it was declared, for people to read. */
  readonly draft: WorkflowDraft;
}

export interface NodeDefinition {
  readonly name: string;
  readonly after: readonly string[];
  /** Everything that has certainly ended before: what the node's expressions may read. */
  readonly ancestors: readonly string[];
  /** A fallback, diagnosis or remedy of another node: runs only when that one fails. */
  readonly standby: boolean;
  readonly when: Expression | undefined;
  readonly input: Mapping | undefined;
  readonly optional: boolean;
  readonly deadLetter: boolean;
  /** By priority. */
  readonly fallback: readonly string[];
  readonly policies: CompiledPolicies;
  readonly expect: Expression | undefined;
  readonly heal: CompiledHeal | undefined;
  readonly action: CompiledAction;
}

export type CompiledAction =
  | {
      readonly type: 'llm';
      readonly messages: readonly CompiledMessage[];
      readonly schema: JsonSchema | undefined;
      readonly model: string | undefined;
      readonly degraded: DegradedAnswers | undefined;
      readonly minQuality: number | undefined;
    }
  | { readonly type: 'http'; readonly http: CompiledHttp }
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

export interface CompiledHttp {
  readonly method: HttpMethod;
  readonly url: Mapping;
  readonly headers: Mapping;
  readonly query: Mapping | undefined;
  readonly body: Mapping | undefined;
  readonly accept: ReadonlySet<number>;
  readonly maxBytes: number | undefined;
}
