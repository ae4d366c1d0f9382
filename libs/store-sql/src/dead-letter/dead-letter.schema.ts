import type { SqliteMigration } from '../sqlite/sqlite.migrations.js';

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
  lease_token: number;
  lease_until: number | null;
  /** Grows with every call merged in. */
  revision: number;
}

export interface DeadLetterSchema {
  resilience_dead_letters: DeadLetterTable;
}

export const DEAD_LETTER_MIGRATIONS: readonly SqliteMigration[] = [
  {
    version: 1,
    statements: [
      `create table resilience_dead_letters (
        id text primary key not null,
        queue text not null,
        target text not null,
        status text not null,
        reason text not null,
        error_name text not null,
        error_message text not null,
        args text not null,
        replayable integer not null,
        not_replayable text not null,
        redacted text not null,
        error text not null,
        attempts text not null,
        fallbacks text not null,
        execution_id text not null,
        traceparent text,
        idempotency_key text,
        live_key text unique,
        occurrences integer not null,
        redrives integer not null,
        max_redrives integer not null,
        first_failed_at integer not null,
        created_at integer not null,
        updated_at integer not null,
        closed_at integer,
        last_redrive_at integer,
        last_redrive_error text,
        note text,
        lease_holder text,
        lease_token integer not null default 0,
        lease_until integer,
        revision integer not null default 0
      )`,
      // Each ends with id, the paging key, so that a page needs no sorting.
      `create index resilience_dead_letters_queue on resilience_dead_letters (queue, status, id)`,
      `create index resilience_dead_letters_status on resilience_dead_letters (status, id)`,
      `create index resilience_dead_letters_target on resilience_dead_letters (target, id)`,
      `create index resilience_dead_letters_error on resilience_dead_letters (error_name, id)`,
      `create index resilience_dead_letters_created on resilience_dead_letters (created_at, id)`,
      // For counts with the oldest of each, for expired leases, for retention by age.
      `create index resilience_dead_letters_count on resilience_dead_letters (queue, status, created_at)`,
      `create index resilience_dead_letters_lease on resilience_dead_letters (status, lease_until)`,
      `create index resilience_dead_letters_closed on resilience_dead_letters (status, closed_at)`,
    ],
  },
];
