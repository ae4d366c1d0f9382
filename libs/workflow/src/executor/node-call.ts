import type { Scope } from '../expression/expression.js';
import type { ItemAction, NodeDefinition, WorkflowDefinition } from '../graph/definition.js';
import { deepFreeze, type JsonValue } from '../ledger/json-value.js';
import type { StructuredError } from '../ledger/structured-error.js';
import type { AttemptLog, Trier } from './attempt-log.js';
import type { RunItems } from './run-items.js';
import type { ServedBy } from './summary.js';

/** The run that a node is part of. */
export interface NodeRun {
  readonly definition: WorkflowDefinition;
  readonly executionId: string;
  readonly input: JsonValue;
  readonly signal: AbortSignal;
  /** Of failed optional nodes that ended before, by name. */
  readonly errors?: Readonly<Record<string, StructuredError>>;
  /** Who served those that ended before, by name. */
  readonly served?: Readonly<Record<string, ServedBy>>;
  /** Absent: the ledger keeps no items. */
  readonly items?: RunItems | undefined;
  /** Says that a node begins to run; the returned function, that it is over. */
  begun?(node: string, startedAt: number, log: AttemptLog): () => void;
  /** It failed in an earlier go of this run, whose record counts what its items took. */
  readonly again?: boolean;
}

/** One node at work: what it was given and how far it came. */
export interface NodeCall {
  /** The node that is to be served. */
  readonly node: NodeDefinition;
  readonly run: NodeRun;
  readonly results: Scope;
  readonly scope: Scope;
  readonly log: AttemptLog;
  /** Fallbacks tried so far. */
  level: number;
  /** What a node without a mapping is given. */
  readonly given: unknown;
  /** Round and item that a diagnosis or a remedy is for: its effect is another one each time. */
  readonly heals?: Pick<Trier, 'round' | 'index'>;
}

/** The node itself, or one item of it. */
export interface ItemCall extends NodeCall {
  readonly trier: Trier;
}

export interface Served {
  readonly value: unknown;
  readonly by: string;
  readonly level: number;
}

export function idempotencyKey(executionId: string, node: string, { by, index, round }: Trier): string {
  const item = index === undefined ? [] : [String(index)];
  return [
    executionId,
    node,
    ...(by === node ? [] : [by]),
    ...item,
    ...(round === undefined ? [] : [`heal${round}`]),
  ].join(':');
}

/** The name under which the policies of a called method report; empty for a function, which has none. */
export function methodOf(action: ItemAction): string | undefined {
  if (action.type === 'call') return action.target;
  return action.type === 'run' ? (action.method ?? '') : undefined;
}

/** What the expressions of a node see. */
export function scopeOf({ input, errors, served = {} }: NodeRun, results: Scope): Scope {
  return deepFreeze({ ...results, input, served, ...(errors && { errors }) });
}
