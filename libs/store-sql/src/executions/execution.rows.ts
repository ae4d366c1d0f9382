import { indexedKey } from '@nest-resilience/core';
import type {
  ExecutionRecord,
  ExecutionStatus,
  JsonValue,
  NodeRecord,
  StructuredError,
} from '@nest-resilience/workflow';
import type { ExecutionRow, NodeRow } from './execution.schema.js';

export function toRow(record: ExecutionRecord): ExecutionRow {
  const { totals } = record;
  return {
    id: record.id,
    workflow: record.workflow,
    version: record.version,
    status: record.status,
    input: JSON.stringify(record.input),
    output: json(record.output),
    error: json(record.error),
    idempotency_key: record.idempotencyKey === undefined ? null : indexedKey(record.idempotencyKey),
    input_hash: record.inputHash,
    join_key: record.joinKey ?? null,
    parent_id: record.parentId ?? null,
    owner: record.owner ?? null,
    created_at: record.createdAt,
    started_at: record.startedAt ?? null,
    finished_at: record.finishedAt ?? null,
    deadline_at: record.deadlineAt ?? null,
    resumes: record.resumes,
    degraded: record.degraded ? 1 : 0,
    served_by: record.servedBy ?? null,
    dead_letter_id: record.deadLetterId ?? null,
    nodes: totals.nodes,
    attempts: totals.attempts,
    retries: totals.retries,
    fallbacks: totals.fallbacks,
    input_tokens: totals.inputTokens,
    output_tokens: totals.outputTokens,
    cost_usd: totals.costUsd ?? 0,
    duration_ms: null,
    ...{ fence: record.fence ?? 0, due_at: null, crashes: record.crashes ?? 0, lane: 'default', priority: 0 },
    moved_from: record.movedFrom ?? null,
  };
}

/** What a record is made of, but for its values. */
export const READ_COLUMNS = [
  ...(['id', 'workflow', 'version', 'status', 'error', 'idempotency_key', 'input_hash', 'join_key'] as const),
  ...(['parent_id', 'owner', 'created_at', 'started_at', 'finished_at', 'deadline_at', 'resumes'] as const),
  ...(['fence', 'crashes', 'moved_from'] as const),
  ...(['degraded', 'served_by', 'dead_letter_id', 'nodes', 'attempts', 'retries', 'fallbacks'] as const),
  ...(['input_tokens', 'output_tokens', 'cost_usd'] as const),
] satisfies readonly (keyof ExecutionRow)[];

type ReadRow = Pick<ExecutionRow, (typeof READ_COLUMNS)[number] | 'input' | 'output'>;

/** PostgreSQL's driver gives big integers as text. */
export function toExecution(row: ReadRow): ExecutionRecord {
  return {
    id: row.id,
    workflow: row.workflow,
    version: row.version,
    ...(row.moved_from !== null && { movedFrom: row.moved_from }),
    status: row.status as ExecutionStatus,
    input: JSON.parse(row.input) as JsonValue,
    ...(row.output !== null && { output: JSON.parse(row.output) as JsonValue }),
    ...(row.error !== null && { error: JSON.parse(row.error) as StructuredError }),
    ...(row.idempotency_key !== null && { idempotencyKey: row.idempotency_key }),
    inputHash: row.input_hash,
    ...(row.join_key !== null && { joinKey: row.join_key }),
    ...(row.parent_id !== null && { parentId: row.parent_id }),
    ...(row.owner !== null && { owner: row.owner }),
    createdAt: Number(row.created_at),
    ...(row.started_at !== null && { startedAt: Number(row.started_at) }),
    ...(row.finished_at !== null && { finishedAt: Number(row.finished_at) }),
    ...(row.deadline_at !== null && { deadlineAt: Number(row.deadline_at) }),
    resumes: row.resumes,
    ...(Number(row.fence) > 0 && { fence: Number(row.fence) }),
    ...(row.crashes > 0 && { crashes: row.crashes }),
    degraded: row.degraded === 1,
    ...(row.served_by !== null && { servedBy: row.served_by }),
    ...(row.dead_letter_id !== null && { deadLetterId: row.dead_letter_id }),
    totals: {
      nodes: row.nodes,
      attempts: row.attempts,
      retries: row.retries,
      fallbacks: row.fallbacks,
      ...tokensAndCost(row),
    },
  };
}

/** A cost that nobody knows is kept as 0, so tokens that cost nothing have none. */
function tokensAndCost(row: Pick<ReadRow, 'input_tokens' | 'output_tokens' | 'cost_usd'>) {
  const tokens = { inputTokens: Number(row.input_tokens), outputTokens: Number(row.output_tokens) };
  const isKnown = row.cost_usd !== 0 || tokens.inputTokens + tokens.outputTokens === 0;
  return { ...tokens, ...(isKnown && { costUsd: row.cost_usd }) };
}

export function toNodeRow(executionId: string, record: NodeRecord): NodeRow {
  return { execution_id: executionId, node: record.node, status: record.status, record: JSON.stringify(record) };
}

export function toNode(row: Pick<NodeRow, 'record'>): NodeRecord {
  return JSON.parse(row.record) as NodeRecord;
}

export function json(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}
