import type { Duration, PolicyOptions } from '@nest-resilience/core';
import type { InputMapping } from '../expression/mapping.js';
import type { StepContext } from './step-context.js';

/** A JSON Schema (2020-12). */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** What every form (class, builder, file) hands to the one graph builder. */
export interface WorkflowDraft extends WorkflowSettings {
  readonly name: string;
  readonly nodes: readonly NodeDraft[];
  /** The file it was read from. */
  readonly file?: string;
  /** Line and column of a place in that file, e.g. of `['nodes', 'reply', 'after']`. */
  readonly locate?: (path: readonly (string | number)[]) => { line: number; column: number } | undefined;
}

export interface WorkflowSettings {
  readonly description?: string;
  /** JSON Schema of the input; a run with other input is refused with 400. Everything is accepted without one. */
  readonly input?: JsonSchema;
  /** Makes the run's output. @default the results of the nodes that no other node waits for, by name */
  readonly output?: InputMapping;
  /** A run that takes longer fails. Counts from its start, across restarts. @default none */
  readonly deadline?: Duration;
  /** Let identical submissions in flight share one execution. @default false */
  readonly join?: boolean;
  /** Keep failed runs as dead letters that can be redriven. @default true */
  readonly deadLetter?: boolean;
  /** Workflows to run with the same input when this one failed, lower priority first. */
  readonly fallback?: readonly (string | FallbackWorkflow)[];
}

export interface FallbackWorkflow {
  readonly workflow: string;
  /** Lower first; equal ones in written order. @default 0 */
  readonly priority?: number;
}

export interface FallbackNode {
  readonly node: string;
  /** Lower first; equal ones in written order. @default 0 */
  readonly priority?: number;
}

export interface NodeDraft extends NodeSettings {
  readonly name: string;
  readonly action: NodeAction;
}

export interface NodeSettings extends NodePolicies {
  /** Nodes that must have ended first. */
  readonly after?: string | readonly string[];
  /** JSONata condition; when it is not true the node is `skipped`. */
  readonly when?: string;
  /** What the node is given. @default the input of the run */
  readonly input?: InputMapping;
  /** Lets the run go on without this node's result when the node failed. @default false */
  readonly optional?: boolean;
  /** Nodes to run in its place when it failed, lower priority first. They run only then. */
  readonly fallback?: readonly (string | FallbackNode)[];
  /** Keep the failure of an `optional` node as a dead letter. Failures of other nodes fail the run, which is one itself. */
  readonly deadLetter?: boolean;
}

/** Policies of one node, in the fixed order of the engine: Retry(CircuitBreaker(Timeout(node))). */
export interface NodePolicies {
  readonly retry?: number | PolicyOptions['retry'];
  readonly circuitBreaker?: PolicyOptions['circuitBreaker'];
  readonly timeout?: PolicyOptions['timeout'];
}

/** What a node does. */
export type NodeAction =
  | { readonly type: 'llm'; readonly llm: LlmAction }
  | { readonly type: 'call'; readonly target: string }
  | { readonly type: 'transform'; readonly transform: InputMapping }
  | { readonly type: 'constant'; readonly value: unknown }
  | { readonly type: 'each'; readonly each: EachAction }
  | {
      readonly type: 'run';
      readonly run: (context: StepContext) => unknown;
      /** `Class.method`, when it is one. */
      readonly method?: string;
    };

/** A call of a language model. Texts are templates. */
export interface LlmAction {
  readonly prompt?: string;
  readonly system?: string;
  readonly messages?: readonly { readonly role: 'system' | 'user' | 'assistant'; readonly content: string }[];
  /** JSON Schema of the answer; the node's result is then the object instead of the text. */
  readonly schema?: JsonSchema;
  readonly model?: string;
}

/** Runs an action once for each item of a list; policies of the node apply to each item. */
export interface EachAction {
  /** JSONata expression of the list. */
  readonly items: string;
  /** Name of the current item in expressions. @default 'item' */
  readonly as?: string;
  /** Items in work at once. @default 4 */
  readonly concurrency?: number;
  /**
   * true: the result is `{ successes, failures, total, successRate }` and failed items do not fail the node.
   * @default false: the result is the list of results and the first failure fails the node
   */
  readonly partial?: boolean;
  readonly action: Exclude<NodeAction, { type: 'each' }>;
}
