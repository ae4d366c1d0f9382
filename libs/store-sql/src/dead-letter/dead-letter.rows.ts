import { createHash } from 'node:crypto';
import {
  argsExcerpt,
  type DeadLetterRecord,
  shownKey,
  storedKey,
  storedName,
  storedRecord,
  storedText,
} from '@nest-resilience/core';
import type { Selectable } from 'kysely';
import type { DeadLetterTable } from './dead-letter.schema.js';

type Row = Selectable<DeadLetterTable>;

/** The columns that come from a record; leases and revisions are the store's own. */
export type RecordRow = Omit<Row, 'lease_holder' | 'lease_token' | 'lease_until' | 'revision'>;

const LIVE = ['pending', 'redriving'];

export function toRow(given: DeadLetterRecord): RecordRow {
  const record = storedRecord(given);
  const key = given.idempotencyKey === undefined ? null : storedKey(given.idempotencyKey);
  return {
    id: record.id,
    queue: record.queue,
    target: record.target,
    status: record.status,
    reason: record.reason,
    error_name: storedName(record.error.name),
    error_message: storedText(record.error.message),
    args: JSON.stringify(record.args),
    replayable: record.replayable ? 1 : 0,
    not_replayable: JSON.stringify(record.notReplayable),
    redacted: JSON.stringify(record.redacted),
    error: JSON.stringify(record.error),
    attempts: JSON.stringify(record.attempts),
    fallbacks: JSON.stringify(record.fallbacks),
    execution_id: record.executionId,
    traceparent: record.traceparent ?? null,
    idempotency_key: key,
    live_key: LIVE.includes(record.status) ? liveKey({ target: record.target, idempotency_key: key }) : null,
    occurrences: record.occurrences,
    redrives: record.redrives,
    max_redrives: record.maxRedrives,
    first_failed_at: record.firstFailedAt,
    created_at: record.createdAt,
    updated_at: record.updatedAt,
    closed_at: record.closedAt ?? null,
    last_redrive_at: record.lastRedriveAt ?? null,
    last_redrive_error: record.lastRedriveError ? JSON.stringify(record.lastRedriveError) : null,
    note: record.note ?? null,
  };
}

/**
 * PostgreSQL's driver gives big integers as text.
 * @param cut of the arguments there is only the beginning
 */
export function toRecord(row: RecordRow, cut = false): DeadLetterRecord {
  return {
    id: row.id,
    queue: row.queue,
    target: row.target,
    args: cut ? argsExcerpt(row.args) : parse(row.args),
    replayable: row.replayable === 1,
    notReplayable: parse(row.not_replayable),
    redacted: parse(row.redacted),
    reason: row.reason as DeadLetterRecord['reason'],
    error: parse(row.error),
    attempts: parse(row.attempts),
    fallbacks: parse(row.fallbacks),
    executionId: row.execution_id,
    ...(row.traceparent !== null && { traceparent: row.traceparent }),
    ...(row.idempotency_key !== null && { idempotencyKey: shownKey(row.idempotency_key) }),
    occurrences: row.occurrences,
    firstFailedAt: Number(row.first_failed_at),
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
    ...(row.closed_at !== null && { closedAt: Number(row.closed_at) }),
    status: row.status as DeadLetterRecord['status'],
    redrives: row.redrives,
    maxRedrives: row.max_redrives,
    ...(row.last_redrive_at !== null && { lastRedriveAt: Number(row.last_redrive_at) }),
    ...(row.last_redrive_error !== null && { lastRedriveError: parse(row.last_redrive_error) }),
    ...(row.note !== null && { note: row.note }),
  };
}

/** Hashed: users' keys have any length, index columns do not. */
export function liveKey({ target, idempotency_key: key }: Pick<Row, 'target' | 'idempotency_key'>): string | null {
  if (key === null) return null;
  return createHash('sha256')
    .update(JSON.stringify([target, key]))
    .digest('hex');
}

function parse<T>(text: string): T {
  return JSON.parse(text) as T;
}
