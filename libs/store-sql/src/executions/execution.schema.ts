import type { SqliteMigration } from '../sqlite/sqlite.migrations.js';

/** Columns as they are in the file: JSON as text, booleans as 0 and 1, times as epoch milliseconds. */
export interface ExecutionRow {
  id: string;
  workflow: string;
  version: string;
  status: string;
  input: string;
  output: string | null;
  error: string | null;
  idempotency_key: string | null;
  input_hash: string;
  join_key: string | null;
  parent_id: string | null;
  owner: string | null;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
  deadline_at: number | null;
  resumes: number;
  degraded: number;
  served_by: string | null;
  dead_letter_id: string | null;
  nodes: number;
  attempts: number;
  retries: number;
  fallbacks: number;
  input_tokens: number;
  output_tokens: number;
  cost_usd: number;
  /** Of succeeded and failed ones, for percentiles. */
  duration_ms: number | null;
}

export interface NodeRow {
  execution_id: string;
  node: string;
  status: string;
  /** The whole checkpoint as JSON. */
  record: string;
}

export interface ExecutionSchema {
  resilience_executions: ExecutionRow;
  resilience_execution_nodes: NodeRow;
}

export const EXECUTION_MIGRATIONS: readonly SqliteMigration[] = [
  {
    version: 1,
    statements: [
      `create table resilience_executions (
        id text primary key, workflow text not null, version text not null, status text not null,
        input text not null, output text, error text,
        idempotency_key text, input_hash text not null, join_key text, parent_id text, owner text,
        created_at integer not null, started_at integer, finished_at integer, deadline_at integer,
        resumes integer not null, degraded integer not null, served_by text, dead_letter_id text,
        nodes integer not null, attempts integer not null, retries integer not null, fallbacks integer not null,
        input_tokens integer not null, output_tokens integer not null, cost_usd real not null, duration_ms real
      )`,
      `create unique index resilience_executions_idempotency on resilience_executions (workflow, idempotency_key)
        where idempotency_key is not null`,
      `create unique index resilience_executions_join on resilience_executions (join_key) where join_key is not null`,
      `create index resilience_executions_workflow on resilience_executions (workflow, id)`,
      `create index resilience_executions_status on resilience_executions (status, id)`,
      `create index resilience_executions_duration on resilience_executions (workflow, duration_ms) where duration_ms is not null`,
      `create table resilience_execution_nodes (
        execution_id text not null, node text not null, status text not null, record text not null,
        primary key (execution_id, node)
      )`,
    ],
  },
];
