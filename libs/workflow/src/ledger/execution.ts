import type { ItemSummary } from './items.js';
import type { JsonValue } from './json-value.js';
import type { StructuredError } from './structured-error.js';

/** `queued` and `running` are unfinished: they survive a crash and go on when the application boots. */
export type ExecutionStatus = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';

export const EXECUTION_STATUSES: readonly ExecutionStatus[] = ['queued', 'running', 'succeeded', 'failed', 'cancelled'];

/** One run of a workflow. Times are epoch milliseconds. */
export interface ExecutionRecord {
  /** Time-ordered: sorting by id is sorting by creation. */
  readonly id: string;
  readonly workflow: string;
  /** Version of the definition it runs on. */
  readonly version: string;
  /** Version that it was submitted for, when nobody knew that any more and it went on with another. */
  readonly movedFrom?: string;
  readonly status: ExecutionStatus;
  readonly input: JsonValue;
  readonly output?: JsonValue;
  readonly error?: StructuredError;
  readonly idempotencyKey?: string;
  /** Hash of the input. */
  readonly inputHash: string;
  /** Present while other submissions may join this execution. */
  readonly joinKey?: string;
  /** The execution this one is a fallback of. */
  readonly parentId?: string;
  /** The process that runs it: checkpoints of any other process are refused. */
  readonly owner?: string;
  readonly createdAt: number;
  readonly startedAt?: number;
  readonly finishedAt?: number;
  readonly deadlineAt?: number;
  /** How often it went on after a crash, a failure or by hand. */
  readonly resumes: number;
  /** How often it was claimed; absent: never. */
  readonly fence?: number;
  /** How many crashes of a process were put down to it since its last checkpoint; absent: none. */
  readonly crashes?: number;
  /** A fallback served it, an optional node failed or a model answered in a degraded way. */
  readonly degraded: boolean;
  /** The fallback workflow whose output this is. */
  readonly servedBy?: string;
  readonly deadLetterId?: string;
  readonly totals: ExecutionTotals;
}

/** Sums over all nodes of an execution. */
export interface ExecutionTotals {
  /** Nodes that ran, skipped ones not counted. */
  readonly nodes: number;
  readonly attempts: number;
  /** Attempts after the first of their node. */
  readonly retries: number;
  /** Nodes (and runs) that a fallback served. */
  readonly fallbacks: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** US dollars; absent when the price of a part of it is not known. */
  readonly costUsd?: number;
}

export const NO_TOTALS: ExecutionTotals = {
  nodes: 0,
  attempts: 0,
  retries: 0,
  fallbacks: 0,
  inputTokens: 0,
  outputTokens: 0,
  costUsd: 0,
};

/** A checkpoint: one node that ended. `succeeded` and `skipped` ones never run again; an optional `failed` one neither. */
export interface NodeRecord {
  readonly node: string;
  readonly status: 'succeeded' | 'failed' | 'skipped';
  /** Absent for a list that is too large for one record: its {@link items} have it. */
  readonly result?: JsonValue;
  /** Of an `each` node whose items are kept one by one. */
  readonly items?: ItemSummary;
  readonly error?: StructuredError;
  /** A failed optional node: the run went on without it. */
  readonly optional: boolean;
  readonly startedAt: number;
  readonly finishedAt: number;
  /** Node that made the result; another one than `node` when a fallback served it. */
  readonly servedBy?: string;
  /** 0: itself; n: its n-th fallback. */
  readonly fallbackLevel: number;
  readonly degraded: boolean;
  readonly deadLetterId?: string;
  /** The last {@link MAX_ATTEMPTS_KEPT}. */
  readonly attempts: readonly NodeAttempt[];
  /** What self-healing found and did, in order. */
  readonly heals?: readonly HealRecord[];
  /** All of them; for an llm node every request that was sent. */
  readonly attemptCount: number;
  /** Those that repeated a failed one. */
  readonly retryCount: number;
  readonly usage?: LlmUsage;
  /** US dollars; absent when there is no `usage`, or the price of a part of it is not known. */
  readonly costUsd?: number;
  /** The provider that answered an llm node. */
  readonly provider?: string;
  /** Level of that provider in its own chain, 0 the first. */
  readonly providerLevel?: number;
}

/** A node that never runs again: it ended well, was skipped, or failed although the run could do without it. */
export function isFinal(record: NodeRecord | undefined): boolean {
  return record !== undefined && (record.status !== 'failed' || record.optional);
}

export const MAX_ATTEMPTS_KEPT = 100;

/** What a policy did about an attempt. */
export type PolicyAction = 'retried' | 'rejected' | 'timed_out' | 'fell_back' | 'healed';

export interface NodeAttempt {
  /** From 1, over all nodes that tried. */
  readonly number: number;
  /** Node that tried: the node itself or one of its fallbacks. */
  readonly by: string;
  /** 0: the node itself; n: its n-th fallback. */
  readonly level: number;
  /** `rejected`: not called at all, e.g. by an open circuit. */
  readonly outcome: 'succeeded' | 'failed' | 'timed_out' | 'rejected' | 'cancelled';
  readonly actions: readonly PolicyAction[];
  readonly startedAt: number;
  readonly durationMs: number;
  readonly error?: StructuredError;
  /** Place of the item, for a node that runs once for each. */
  readonly index?: number;
  /** What a language model's own chain tried within this attempt; at most {@link MAX_ATTEMPTS_KEPT}. */
  readonly tries?: readonly LlmTryRecord[];
}

/** One round of self-healing. */
export interface HealRecord {
  /** From 1. */
  readonly round: number;
  /** Node that failed: the node itself or one of its fallbacks. */
  readonly by: string;
  readonly index?: number;
  /** What the diagnosis named, if it named something. */
  readonly issue?: string;
  /** Node or function that mended it. */
  readonly remedy?: string;
  /** `applied`: the node ran again. Anything else leaves the node's own error. */
  readonly outcome: 'applied' | 'undiagnosed' | 'no_remedy' | 'remedy_failed';
  /** Of the diagnosis or the remedy. */
  readonly error?: StructuredError;
  readonly durationMs: number;
}

/** One request to one provider, or why none was sent. */
export interface LlmTryRecord {
  readonly provider: string;
  readonly fallbackLevel: number;
  /** 0 when nothing was sent. */
  readonly attempt: number;
  readonly outcome: string;
  readonly reason?: string;
  readonly durationMs: number;
  /** What was mended about the answer without asking again. */
  readonly mended?: readonly string[];
}

export interface LlmUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** A part of it was not counted by the provider. */
  readonly estimated?: boolean;
}

/** `undefined` as soon as one of them is: the price of a part is not known. */
export function addCosts(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b;
}

/**
 * What totals say of a cost that is kept as a number: tokens that cost nothing are told of no cost, because that is how a cost is kept that
 * nobody knows.
 */
export function knownCost(totals: LlmUsage & { readonly costUsd?: number | undefined }): { readonly costUsd?: number } {
  const { inputTokens, outputTokens, costUsd } = totals;
  return costUsd === undefined || (costUsd === 0 && inputTokens + outputTokens > 0) ? {} : { costUsd };
}

/** An execution with all its checkpoints, in the order they were made. */
export interface ExecutionLedger extends ExecutionRecord {
  readonly nodes: readonly NodeRecord[];
}
