import { parseDuration, type Duration } from '@nest-resilience/core';
import type { StructuredError } from '../ledger/structured-error.js';
import type { ProblemList } from './problems.js';

/**
 * Self-healing of a node: it fails, `diagnose` names the issue, the remedy of that issue mends it, the node runs again. What stands
 * here is a node (which then runs only for this) or, in code, a function. The node's expressions see what happened as `heal`
 * (a {@link HealView}), and so do those of the diagnosis and the remedies.
 * @typeParam Issue what the diagnosis may name
 */
export interface HealSettings<Issue extends string = string> {
  /** Answers with the issue: a text, or an object with a text `issue`. */
  readonly diagnose: string | ((failure: HealFailure) => Diagnosis<Issue> | PromiseLike<Diagnosis<Issue>>);
  readonly remedies: Readonly<Record<Issue, string | RemedyFunction>>;
  /** Remedy of an issue that has none of its own. @default none: the node's own error stands */
  readonly otherwise?: string | RemedyFunction;
  /** How often the node may be healed. @default 1 */
  readonly rounds?: number;
  /** Wait before the node runs again; doubles with each round. @default 0 */
  readonly delay?: Duration;
}

export type Diagnosis<Issue extends string = string> = Issue | undefined | { readonly issue: Issue | undefined };

export type RemedyFunction = (failure: HealFailure) => unknown;

/** What a diagnosis and a remedy know. */
export interface HealFailure {
  readonly node: string;
  /** What the node was given. */
  readonly input: unknown;
  readonly error: StructuredError;
  /** From 1. */
  readonly round: number;
  /** What the diagnosis found; not yet there for the diagnosis itself. */
  readonly issue?: string;
  /** The whole answer of the diagnosis. */
  readonly diagnosis?: unknown;
  readonly executionId: string;
  /** The same for every resume; pass it on to whoever must see the remedy once. */
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
}

/** What the expressions of a node that runs again see as `heal`. */
export interface HealView extends Pick<HealFailure, 'node' | 'error' | 'round' | 'issue' | 'diagnosis'> {
  /** What the failed node was given. */
  readonly input: unknown;
  /** What the remedy answered. */
  readonly remedy?: unknown;
}

/** Defaults of {@link HealSettings}. */
export const DEFAULT_HEAL_SETTINGS = { rounds: 1, delay: 0 } as const;

export interface CompiledHeal {
  readonly diagnose: HealSettings['diagnose'];
  readonly remedies: ReadonlyMap<string, string | RemedyFunction>;
  readonly otherwise: string | RemedyFunction | undefined;
  readonly rounds: number;
  readonly delayMs: number;
}

/** Nodes that a healing names, each with its place under `heal`. */
export function healNodes(heal: HealSettings | undefined): { readonly node: string; readonly path: string[] }[] {
  if (!heal) return [];
  const named = [
    { what: heal.diagnose, path: ['diagnose'] },
    ...Object.entries(heal.remedies ?? {}).map(([issue, what]) => ({ what, path: ['remedies', issue] })),
    { what: heal.otherwise, path: ['otherwise'] },
  ];
  return named.flatMap(({ what, path }) => (typeof what === 'string' ? [{ node: what, path }] : []));
}

export function compileHeal(
  heal: HealSettings | undefined,
  node: string,
  problems: ProblemList,
): CompiledHeal | undefined {
  if (!heal) return undefined;
  const { rounds, delay } = { ...DEFAULT_HEAL_SETTINGS, ...heal };
  const at = ['nodes', node, 'heal'];
  const delayMs = parseDuration(delay);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 10)
    problems.add(`heal.rounds ${rounds} is no whole number from 1 to 10`, node, [...at, 'rounds']);
  if (delayMs === undefined)
    problems.add(`heal.delay '${delay}' is no duration such as '500ms' or 500`, node, [...at, 'delay']);
  if (Object.keys(heal.remedies ?? {}).length === 0 && heal.otherwise === undefined)
    problems.add('heal has no remedies: a diagnosis alone mends nothing', node, [...at, 'remedies']);
  return {
    diagnose: heal.diagnose,
    remedies: new Map(Object.entries(heal.remedies ?? {})),
    otherwise: heal.otherwise,
    rounds,
    delayMs: delayMs ?? 0,
  };
}
