import { createTable, type Migration, type TableDefinition } from '../database/migrations.js';

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

export const EXECUTIONS = 'resilience_executions';
export const NODES = 'resilience_execution_nodes';

export interface ExecutionSchema {
  [EXECUTIONS]: ExecutionRow;
  [NODES]: NodeRow;
}

const EXECUTION_TABLE: TableDefinition = {
  name: EXECUTIONS,
  columns: ({ id, key, word, text, int, time, double }) => [
    ...[
      `id ${id} primary key not null`,
      `workflow ${id} not null`,
      `version ${text} not null`,
      `status ${word} not null`,
    ],
    ...[`input ${text} not null`, `output ${text}`, `error ${text}`],
    ...[`idempotency_key ${key}`, `input_hash ${text} not null`, `join_key ${key}`, `parent_id ${id}`, `owner ${text}`],
    ...[`created_at ${time} not null`, `started_at ${time}`, `finished_at ${time}`, `deadline_at ${time}`],
    ...[`resumes ${int} not null`, `degraded ${int} not null`, `served_by ${text}`, `dead_letter_id ${text}`],
    ...[`nodes ${int} not null`, `attempts ${int} not null`, `retries ${int} not null`, `fallbacks ${int} not null`],
    ...[`input_tokens ${time} not null`, `output_tokens ${time} not null`, `cost_usd ${double} not null`],
    `duration_ms ${double}`,
  ],
  indexes: [
    {
      name: 'resilience_executions_idempotency',
      columns: ['workflow', 'idempotency_key'],
      unique: true,
      where: 'idempotency_key',
    },
    { name: 'resilience_executions_join', columns: ['join_key'], unique: true, where: 'join_key' },
    { name: 'resilience_executions_workflow', columns: ['workflow', 'id'] },
    { name: 'resilience_executions_status', columns: ['status', 'id'] },
    { name: 'resilience_executions_duration', columns: ['workflow', 'duration_ms'], where: 'duration_ms' },
  ],
};

const NODE_TABLE: TableDefinition = {
  name: NODES,
  columns: ({ id, word, text }) => [
    ...[`execution_id ${id} not null`, `node ${id} not null`, `status ${word} not null`, `record ${text} not null`],
    'primary key (execution_id, node)',
  ],
  indexes: [],
  arrival: true,
};

export const EXECUTION_MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    statements: (flavour) => [...createTable(flavour, EXECUTION_TABLE), ...createTable(flavour, NODE_TABLE)],
  },
];
