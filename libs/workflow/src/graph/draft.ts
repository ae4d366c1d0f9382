import type { DegradedAnswers } from '../llm.port.js';
import type { Duration, FilePolicyKind, Policies, PolicyOptions } from '@nest-resilience/core';
import type { InputMapping } from '../expression/mapping.js';
import type { HealSettings } from './heal.js';
import type { ERROR_OPTIONS } from './policies.js';
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
  /** Lets a failed run go on at its first unfinished node, before `fallback`: 3 means at most four goes. */
  readonly retry?: Worded<PolicyOptions['retry']>;
  /** Judges whole runs: while it is open no run of this workflow starts a node; `fallback` still runs. */
  readonly circuitBreaker?: Worded<PolicyOptions['circuitBreaker']>;
  /**
   * Refuses runs while the application is not well, by the last health report; nothing is probed. A list names the checks that matter;
   * `true` stands for all critical ones. Needs `HealthModule` of `@nest-resilience/core/health`. @default false
   */
  readonly requireHealth?: boolean | readonly string[];
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
  /**
   * Keep the failure of an `optional` node, or of each item of an `each` node with `partial`, as a dead letter. Failures of other
   * nodes fail the run, which is one itself.
   */
  readonly deadLetter?: boolean;
  /** JSONata condition on `result`; an attempt whose result does not meet it has failed, for its retry and circuit too. */
  readonly expect?: string;
  /** Finds out why the node failed, mends the cause and tries again. Around the policies, inside `fallback`. */
  readonly heal?: HealSettings;
}

/**
 * Policies of one node, in the fixed order of the engine. A `key` is a JSONata expression over what the node sees, or a function of the
 * node's input. Without one, `cache` and `coalesce` share a result among runs in which the node sees the same: the same input and
 * results before it.
 */
export type NodePolicies = { readonly [K in keyof Pick<Policies, FilePolicyKind>]: Worded<Keyed<Policies[K]>> };

/** The same options, in which `key` may be an expression. */
export type Keyed<T> = T extends { readonly key?: unknown } ? Omit<T, 'key'> & { readonly key?: NodeKey } : T;

/** The same options, in which what takes errors may be words: a reason or kind of the classifier, an error's name or code. */
export type Worded<T> = T extends object
  ? { readonly [K in keyof T]: K extends ErrorOption ? T[K] | string | readonly string[] : T[K] }
  : T;

type ErrorOption = (typeof ERROR_OPTIONS)[number];

export type NodeKey = string | ((input: never) => string | undefined);

/** What a node does. */
export type NodeAction =
  | { readonly type: 'llm'; readonly llm: LlmAction }
  | { readonly type: 'http'; readonly http: HttpAction }
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

/** A text that stands in a file of its own, below the directory of the workflow file that names it. */
export interface PromptFile {
  readonly file: string;
}

/** A call of a language model. Texts are templates. */
export interface LlmAction {
  readonly prompt?: string | PromptFile;
  readonly system?: string | PromptFile;
  readonly messages?: readonly { readonly role: 'system' | 'user' | 'assistant'; readonly content: string }[];
  /** JSON Schema of the answer; the node's result is then the object instead of the text. */
  readonly schema?: JsonSchema;
  readonly model?: string;
  /** Whether an answer without a model is taken. @default 'refuse' where there is a schema, else 'accept' */
  readonly degraded?: DegradedAnswers;
  /** The lowest `quality` of a target that may answer, 0 to 1. By default any may. */
  readonly minQuality?: number;
}

/**
 * A request over HTTP. The node's result is `{ status, headers, body }`, the body parsed when it is JSON. Private, loopback and
 * link-local addresses are refused unless the module's `requests.allow` has them.
 */
export interface HttpAction {
  /**
   * A template whose `{{ }}` holes are percent-encoded, or one expression (`$...`) that makes the whole URL. A hole with nothing in
   * it (undefined, null, blank) fails the node before anything is sent; so in `headers` and `query`.
   */
  readonly url: string;
  /** @default 'GET' */
  readonly method?: HttpMethod;
  /** Values are templates. A method that changes something carries `Idempotency-Key`, unless it is given here. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Appended to the URL; a value written as an expression (`$...`) is left out when it is null or missing. */
  readonly query?: Readonly<Record<string, InputMapping>>;
  /** A text is sent as it is, anything else as JSON. */
  readonly body?: InputMapping;
  /** Statuses of 400 and above that are an answer like any other; all others fail the attempt. @default [] */
  readonly accept?: readonly number[];
  /** Bytes of the answer. @default the module's `requests.maxBytes` */
  readonly maxBytes?: number;
}

export type HttpMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

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
