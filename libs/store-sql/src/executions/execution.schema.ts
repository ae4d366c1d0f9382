import {
  addColumns,
  compareExactly,
  createTable,
  type Migration,
  type TableDefinition,
} from '../database/migrations.js';

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
  /** Raised by every claim, once executions have leases of their own. */
  fence: number;
  /** When somebody else may have it, once executions have leases of their own. */
  due_at: number | null;
  /** How many crashes were put down to it since its last checkpoint. */
  crashes: number;
  lane: string;
  priority: number;
}

export interface NodeRow {
  execution_id: string;
  node: string;
  status: string;
  /** The whole checkpoint as JSON. */
  record: string;
}

/** The right to run executions, by its name. */
export interface LeaseRow {
  name: string;
  owner: string;
  /** The holder as JSON. */
  holder: string;
  since: number;
  ends_at: number;
  beat: number;
  suspect: string | null;
  alone: number;
  leaving: number;
  unexplained: number;
}

export const EXECUTIONS = 'resilience_executions';
export const NODES = 'resilience_execution_nodes';
export const LEASES = 'resilience_leases';
/** Name of the lease that gives the right to run executions; others may stand beside it some day. */
export const EXECUTOR_LEASE = 'executor';

export interface ExecutionSchema {
  [EXECUTIONS]: ExecutionRow;
  [NODES]: NodeRow;
  [LEASES]: LeaseRow;
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

const LEASE_TABLE: TableDefinition = {
  name: LEASES,
  columns: ({ id, text, int, time }) => [
    ...[`name ${id} primary key not null`, `owner ${id} not null`, `holder ${text} not null`],
    ...[`since ${time} not null`, `ends_at ${time} not null`, `beat ${time} not null`],
    ...[`suspect ${id}`, `alone ${int} not null`, `leaving ${int} not null`, `unexplained ${int} not null`],
  ],
  indexes: [],
};

/** Definitions of workflows as they were, for processes that have newer ones. */
const VERSION_TABLE: TableDefinition = {
  name: 'resilience_workflow_versions',
  columns: ({ id, text, time }) => [
    ...[`workflow ${id} not null`, `version ${id} not null`, `source ${text} not null`, `created_at ${time} not null`],
    'primary key (workflow, version)',
  ],
  indexes: [],
};

const REPLICA_TABLE: TableDefinition = {
  name: 'resilience_replicas',
  columns: ({ id, text, int, time }) => [
    ...[
      `id ${id} primary key not null`,
      `seen_at ${time} not null`,
      `started_at ${time} not null`,
      `release_name ${text}`,
    ],
    ...[`versions ${text}`, `running ${int} not null`, `capacity ${int} not null`],
  ],
  indexes: [],
};

export const EXECUTION_MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    statements: (flavour) => [...createTable(flavour, EXECUTION_TABLE), ...createTable(flavour, NODE_TABLE)],
  },
  {
    version: 2,
    statements: (flavour) => [
      ...addColumns(flavour, {
        name: EXECUTIONS,
        columns: ({ int, time, word }) => [
          ...[`fence ${time} not null default 0`, `due_at ${time}`, `crashes ${int} not null default 0`],
          ...[`lane ${word} not null default 'default'`, `priority ${int} not null default 0`],
        ],
        indexes: [{ name: 'resilience_executions_due', columns: ['due_at'], where: 'due_at' }],
      }),
      ...[LEASE_TABLE, VERSION_TABLE, REPLICA_TABLE].flatMap((table) => createTable(flavour, table)),
    ],
  },
  {
    version: 3,
    only: 'mysql',
    statements: () => [
      ...compareExactly(EXECUTIONS, ({ id, key }) => [
        ...[`id ${id} not null`, `workflow ${id} not null`, `parent_id ${id}`],
        ...[`idempotency_key ${key}`, `join_key ${key}`],
      ]),
      ...compareExactly(NODES, ({ id }) => [`execution_id ${id} not null`, `node ${id} not null`]),
    ],
  },
];
