import { option } from '@nest-resilience/core';
import type { StructuredError } from '../ledger/structured-error.js';

type HealNode<F> = string | F;

const nodeOr = <F>(description: string) =>
  option.custom<HealNode<F>, HealNode<F>>(
    (value, at) =>
      option.isText(value) || typeof value === 'function'
        ? (value as HealNode<F>)
        : at.refuse(value, 'the name of a node, or in code a function'),
    { schema: { type: 'string', description } },
  );

const OPTIONS = option.options(
  {
    diagnose: option.required(
      nodeOr<DiagnosisFunction>('Node that names the issue: a text, or an object with a text "issue".'),
      'the node that names the issue',
    ),
    remedies: option.custom<Remedies<string>, Remedies<string>>(
      (value, at) =>
        typeof value === 'object' && value !== null ? (value as Remedies<string>) : at.refuse(value, 'nodes by issue'),
      {
        ...{ fallback: {}, schema: { type: 'object', additionalProperties: { type: 'string' } } },
      },
    ),
    otherwise: nodeOr<RemedyFunction>('Node for any other issue.'),
    /** How often the node may be healed. @default 1 */
    rounds: option.whole(1, { min: 1, max: 10 }),
    /** Wait before the node runs again; doubles with each round. @default 0 */
    baseDelay: option.duration(0),
  },
  {
    check: ({ at, resolved: { remedies, otherwise } }) => {
      if (Object.keys(remedies).length === 0 && otherwise === undefined)
        at.at('remedies').refuse(remedies, 'one at least, or otherwise: a diagnosis alone mends nothing');
    },
  },
);

/**
 * Self-healing of a node: it fails, `diagnose` names the issue, the remedy of that issue mends it, the node runs again. What stands
 * here is a node (which then runs only for this) or, in code, a function. The node's expressions see what happened as `heal`
 * (a {@link HealView}), and so do those of the diagnosis and the remedies.
 * @typeParam Issue what the diagnosis may name
 */
export interface HealSettings<Issue extends string = string> extends option.OptionsOf<typeof OPTIONS.spec> {
  /** Answers with the issue: a text, or an object with a text `issue`. */
  readonly diagnose: HealNode<(failure: HealFailure) => Diagnosis<Issue> | PromiseLike<Diagnosis<Issue>>>;
  /** By issue; may be left out beside `otherwise`. */
  readonly remedies?: Remedies<Issue>;
  /** Remedy of an issue that has none of its own. @default none: the node's own error stands */
  readonly otherwise?: HealNode<RemedyFunction>;
}

type Remedies<Issue extends string> = Readonly<Record<Issue, HealNode<RemedyFunction>>>;
type DiagnosisFunction = (failure: HealFailure) => Diagnosis | PromiseLike<Diagnosis>;

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
export const DEFAULT_HEAL_SETTINGS = OPTIONS.default;

export const HEAL = option.map(OPTIONS, ({ remedies, baseDelay, ...rest }) => ({
  ...rest,
  remedies: new Map(Object.entries(remedies)),
  delayMs: baseDelay,
}));

export type CompiledHeal = option.OutOf<typeof HEAL>;

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
