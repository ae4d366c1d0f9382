import { type DeadLetterRecord, MAX_SHOWN_BYTES, Turns } from '@nest-resilience/core';
import { type Kysely, sql } from 'kysely';
import { groupsOf } from '../database/read-groups.js';
import { type RecordRow, toRecord } from './dead-letter.rows.js';
import type { DeadLetterSchema } from './dead-letter.schema.js';

/** Asked for first: SQLite and PostgreSQL know them without reading the texts. */
export const argsBytes = sql<number>`octet_length(args)`;
export const otherBytes = sql<number>`octet_length(error) + octet_length(attempts) + octet_length(fallbacks)
  + octet_length(not_replayable) + octet_length(redacted) + coalesce(octet_length(last_redrive_error), 0) + coalesce(octet_length(note), 0)`;

/** One entry of a page to come. */
interface Size {
  readonly id: string;
  /** Bytes in the database. */
  readonly stored: number;
  /** Bytes of what is read of it. */
  readonly shown: number;
}

export function sizeOf({ id, args, others }: { id: string; args: number; others: number }, excerpts: boolean): Size {
  const [argsSize, rest] = [Number(args), Number(others)];
  return { id, stored: argsSize + rest, shown: (excerpts ? Math.min(argsSize, MAX_SHOWN_BYTES) : argsSize) + rest };
}

/** The entries of a page in its order. SQLite reads a row whole to give a part of it, and nobody else runs meanwhile. */
export async function readInTurns(
  kysely: Kysely<DeadLetterSchema>,
  page: readonly Size[],
  excerpts: boolean,
): Promise<DeadLetterRecord[]> {
  const turns = new Turns();
  const found = new Map<string, DeadLetterRecord>();
  for (const group of groupsOf(page)) {
    const args = excerpts
      ? sql<string>`case when octet_length(args) > ${MAX_SHOWN_BYTES} then substr(args, 1, ${MAX_SHOWN_BYTES}) else args end`
      : sql<string>`args`;
    const rows = await kysely
      .selectFrom('resilience_dead_letters')
      .select([...COLUMNS, args.as('args'), argsBytes.as('bytes')])
      .where('id', 'in', group)
      .execute();
    for (const { bytes, ...row } of rows) {
      found.set(row.id, toRecord(row, excerpts && Number(bytes) > MAX_SHOWN_BYTES));
      await turns.take();
    }
  }
  // One that was removed meanwhile is missing.
  return page.flatMap(({ id }) => found.get(id) ?? []);
}

const COLUMNS = [
  ...(['id', 'queue', 'target', 'status', 'reason', 'error_name', 'error_message', 'replayable'] as const),
  ...(['not_replayable', 'redacted', 'error', 'attempts', 'fallbacks', 'execution_id', 'traceparent'] as const),
  ...([
    'idempotency_key',
    'live_key',
    'occurrences',
    'redrives',
    'max_redrives',
    'first_failed_at',
    'created_at',
  ] as const),
  ...(['updated_at', 'closed_at', 'last_redrive_at', 'last_redrive_error', 'note'] as const),
] satisfies readonly (keyof RecordRow)[];
