import {
  addColumns,
  addIndexes,
  compareExactly,
  createTable,
  type Migration,
  type TableDefinition,
} from '../database/migrations.js';
import { EXECUTIONS, ITEMS, LEASES, NODES, REPLICAS, TOTALS, VERSIONS } from './execution.schema.js';
import { countAll } from './execution.totals.js';

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

const ITEM_TABLE: TableDefinition = {
  name: ITEMS,
  columns: ({ id, word, text, int }) => [
    ...[`execution_id ${id} not null`, `node ${id} not null`, `step ${id} not null`, `item ${int} not null`],
    ...[`status ${word} not null`, `record ${text} not null`, `result ${text}`],
    'primary key (execution_id, node, step, item)',
  ],
  indexes: [{ name: 'resilience_execution_items_status', columns: ['execution_id', 'node', 'step', 'status', 'item'] }],
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
  name: VERSIONS,
  columns: ({ id, text, time }) => [
    ...[`workflow ${id} not null`, `version ${id} not null`, `source ${text} not null`, `created_at ${time} not null`],
    'primary key (workflow, version)',
  ],
  indexes: [],
};

const REPLICA_TABLE: TableDefinition = {
  name: REPLICAS,
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

const TOTALS_TABLE: TableDefinition = {
  name: TOTALS,
  columns: ({ id, word, time, double }) => [
    ...[`workflow ${id} not null`, `status ${word} not null`, `bucket ${time} not null`],
    ...[`executions ${time} not null`, `with_retries ${time} not null`, `with_fallbacks ${time} not null`],
    ...[`degraded ${time} not null`, `nodes ${time} not null`, `attempts ${time} not null`, `retries ${time} not null`],
    ...[`fallbacks ${time} not null`, `input_tokens ${time} not null`, `output_tokens ${time} not null`],
    ...[`cost_usd ${double} not null`, 'primary key (workflow, status, bucket)'],
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
  {
    version: 4,
    statements: (flavour) => [
      ...addIndexes(flavour, EXECUTIONS, [
        { name: 'resilience_executions_listed', columns: ['workflow', 'status', 'id'] },
        { name: 'resilience_executions_finished', columns: ['finished_at'], where: 'finished_at' },
      ]),
      ...createTable(flavour, TOTALS_TABLE),
      ...(flavour === 'mysql' ? compareExactly(TOTALS, ({ id }) => [`workflow ${id} not null`]) : []),
      ...countAll(flavour),
    ],
  },
  {
    version: 5,
    statements: (flavour) => [
      ...addColumns(flavour, { name: EXECUTIONS, columns: ({ text }) => [`moved_from ${text}`], indexes: [] }),
      ...createTable(flavour, ITEM_TABLE),
      ...(flavour === 'mysql'
        ? compareExactly(ITEMS, ({ id }) => ['execution_id', 'node', 'step'].map((name) => `${name} ${id} not null`))
        : []),
    ],
  },
];
