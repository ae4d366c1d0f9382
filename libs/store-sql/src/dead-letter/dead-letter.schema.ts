import type { Generated } from 'kysely';
import { compareExactly, createTable, type Migration, type TableDefinition } from '../database/migrations.js';

/** One row an entry. Objects are JSON text, times epoch milliseconds, booleans 0 or 1. */
export interface DeadLetterTable {
  id: string;
  queue: string;
  target: string;
  status: string;
  reason: string;
  error_name: string;
  error_message: string;
  args: string;
  replayable: number;
  not_replayable: string;
  redacted: string;
  error: string;
  attempts: string;
  fallbacks: string;
  execution_id: string;
  traceparent: string | null;
  idempotency_key: string | null;
  /** Hash of target and key while the entry is live, else null: uniqueness among live entries without a partial index. */
  live_key: string | null;
  occurrences: number;
  redrives: number;
  max_redrives: number;
  first_failed_at: number;
  created_at: number;
  updated_at: number;
  closed_at: number | null;
  last_redrive_at: number | null;
  last_redrive_error: string | null;
  note: string | null;
  lease_holder: string | null;
  lease_token: Generated<number>;
  lease_until: number | null;
  /** Grows with every call merged in. */
  revision: Generated<number>;
}

export interface DeadLetterSchema {
  resilience_dead_letters: DeadLetterTable;
}

const TABLE: TableDefinition = {
  name: 'resilience_dead_letters',
  columns: ({ id, key, word, text, int, time }) => [
    `id ${id} primary key not null`,
    `queue ${key} not null`,
    `target ${key} not null`,
    `status ${word} not null`,
    `reason ${word} not null`,
    `error_name ${key} not null`,
    `error_message ${text} not null`,
    `args ${text} not null`,
    `replayable ${int} not null`,
    `not_replayable ${text} not null`,
    `redacted ${text} not null`,
    `error ${text} not null`,
    `attempts ${text} not null`,
    `fallbacks ${text} not null`,
    `execution_id ${text} not null`,
    `traceparent ${text}`,
    `idempotency_key ${text}`,
    `live_key ${id}`,
    `occurrences ${int} not null`,
    `redrives ${int} not null`,
    `max_redrives ${int} not null`,
    `first_failed_at ${time} not null`,
    `created_at ${time} not null`,
    `updated_at ${time} not null`,
    `closed_at ${time}`,
    `last_redrive_at ${time}`,
    `last_redrive_error ${text}`,
    `note ${text}`,
    `lease_holder ${text}`,
    `lease_token ${int} not null default 0`,
    `lease_until ${time}`,
    `revision ${int} not null default 0`,
  ],
  indexes: [
    { name: 'resilience_dead_letters_live', columns: ['live_key'], unique: true, where: 'live_key' },
    // Each has id, the paging key, before anything that is not filtered by: a page needs no sorting.
    { name: 'resilience_dead_letters_queue', columns: ['queue', 'id'] },
    { name: 'resilience_dead_letters_status', columns: ['status', 'id'] },
    { name: 'resilience_dead_letters_target', columns: ['target', 'id'] },
    { name: 'resilience_dead_letters_error', columns: ['error_name', 'id'] },
    { name: 'resilience_dead_letters_created', columns: ['created_at'] },
    // With the time, so that counting with the oldest of each reads nothing else.
    { name: 'resilience_dead_letters_count', columns: ['queue', 'status', 'id', 'created_at'] },
    // For expired leases and for retention by age.
    { name: 'resilience_dead_letters_lease', columns: ['status', 'lease_until'], where: 'lease_until' },
    { name: 'resilience_dead_letters_closed', columns: ['status', 'closed_at'], where: 'closed_at' },
  ],
};

export const DEAD_LETTER_MIGRATIONS: readonly Migration[] = [
  { version: 1, statements: (flavour) => createTable(flavour, TABLE) },
  {
    version: 2,
    only: 'mysql',
    statements: () =>
      compareExactly(TABLE.name, ({ id, key }) => [
        ...[`id ${id} not null`, `queue ${key} not null`, `target ${key} not null`, `error_name ${key} not null`],
      ]),
  },
];
