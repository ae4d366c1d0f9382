import type { ExecutionLease, ReplicaRecord, SeenReplica, SharedLedger, Work } from '@nest-resilience/workflow';
import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { LazyDatabase } from '../database/database.js';
import { locked, serverTime } from '../database/flavour.js';
import { listed } from '../database/listed.js';
import type { Transactions } from '../database/transactions.js';
import {
  type ExecutionRow,
  type ExecutionSchema,
  EXECUTIONS,
  type ReplicaRow,
  REPLICAS,
  VERSIONS,
} from './execution.schema.js';

type Db = Kysely<ExecutionSchema>;

const WORK = ['id', 'workflow', 'version', 'fence', 'lane', 'priority'] as const;
/** Leases of one statement. */
const GROUP = 512;
/** Replicas that have been silent for longer are forgotten. */
const DAY_MS = 86_400_000;

/** What replicas share of a ledger in any of the databases. */
export class SqlSharedLedger implements SharedLedger {
  constructor(
    private readonly database: LazyDatabase<ExecutionSchema>,
    private readonly transactions: Transactions<ExecutionSchema>,
    readonly networked: boolean,
  ) {}

  async renew(leases: readonly ExecutionLease[], leaseMs: number): Promise<readonly string[]> {
    const { kysely, flavour } = await this.database.get();
    const lost: string[] = [];
    for (const group of groupsOf(leases)) {
      await kysely
        .updateTable(EXECUTIONS)
        .set({ due_at: sql<number>`${serverTime(flavour)} + ${leaseMs}` })
        .where(areHeld(group))
        .execute();
      const rows = await kysely.selectFrom(EXECUTIONS).select(['id', 'fence']).where(areHeld(group)).execute();
      const fences = new Map(rows.map(({ id, fence }) => [id, Number(fence)]));
      lost.push(...group.filter(({ id, fence }) => fences.get(id) !== fence).map(({ id }) => id));
    }
    return lost;
  }

  async release(leases: readonly ExecutionLease[]): Promise<readonly Work[]> {
    const { kysely, flavour } = await this.database.get();
    const released: Work[] = [];
    for (const group of groupsOf(leases)) {
      await kysely
        .updateTable(EXECUTIONS)
        .set({ status: 'queued', owner: null, due_at: serverTime(flavour) as never })
        .where(areHeld(group))
        .execute();
      const ids = listed(group.map(({ id }) => id));
      const rows = await readyOf(kysely).where('id', 'in', ids).where('status', '=', 'queued').execute();
      released.push(...rows.map(toWork));
    }
    return released;
  }

  async due(limit: number, againMs: number): Promise<readonly Work[]> {
    return this.transactions.run(async (trx, flavour) => {
      const now = serverTime(flavour);
      const dueOf = (status: 'running' | 'queued', most: number) =>
        readyOf(trx)
          .where('status', '=', status)
          .where(sql<boolean>`due_at <= ${now}`)
          .orderBy('due_at')
          .limit(most)
          .modifyEnd(locked(flavour, 'free'))
          .execute();
      // However many wait, what a dead process ran is found at once.
      const left = await dueOf('running', limit);
      const waiting = left.length < limit ? await dueOf('queued', limit - left.length) : [];
      if (waiting.length > 0)
        await trx
          .updateTable(EXECUTIONS)
          .set({ due_at: sql<number>`${now} + ${againMs}` })
          .where('id', 'in', listed(waiting.map(({ id }) => id)))
          .execute();
      return [...left, ...waiting].map(toWork);
    });
  }

  async adopt(graceMs: number): Promise<void> {
    const { kysely, flavour } = await this.database.get();
    const graces = { queued: 0, running: graceMs };
    for (const [status, ms] of Object.entries(graces))
      await kysely
        .updateTable(EXECUTIONS)
        .set({ due_at: sql<number>`${serverTime(flavour)} + ${ms}` })
        .where('status', '=', status)
        .where('due_at', 'is', null)
        .execute();
  }

  async requeue(): Promise<void> {
    const { kysely, flavour } = await this.database.get();
    await kysely
      .updateTable(EXECUTIONS)
      .set({ due_at: serverTime(flavour) as never })
      .where('status', '=', 'queued')
      .execute();
  }

  async waiting(): Promise<number> {
    const { kysely } = await this.database.get();
    const { count } = await kysely
      .selectFrom(EXECUTIONS)
      .select(({ fn }) => fn.countAll().as('count'))
      .where('status', '=', 'queued')
      .where('parent_id', 'is', null)
      .executeTakeFirstOrThrow();
    return Number(count);
  }

  async keepDefinition(workflow: string, version: string, source: string): Promise<void> {
    const { kysely, flavour } = await this.database.get();
    const row = { workflow, version, source, created_at: serverTime(flavour) as never };
    const insert = kysely.insertInto(VERSIONS).values(row);
    await (flavour === 'mysql' ? insert.ignore() : insert.onConflict((on) => on.doNothing())).execute();
  }

  async definition(workflow: string, version: string): Promise<string | undefined> {
    const { kysely } = await this.database.get();
    const found = kysely.selectFrom(VERSIONS).select('source').where('workflow', '=', workflow);
    return (await found.where('version', '=', version).executeTakeFirst())?.source;
  }

  async announce({ id, startedAt, versions, running, capacity }: ReplicaRecord): Promise<readonly SeenReplica[]> {
    const { kysely, flavour } = await this.database.get();
    const now = serverTime(flavour);
    const rows = await kysely
      .selectFrom(REPLICAS)
      .selectAll()
      .select(sql<number>`${now} - seen_at`.as('silent'))
      .orderBy('id')
      .execute();
    const change = {
      ...{ seen_at: now as never, started_at: startedAt, versions: JSON.stringify(versions) },
      ...{ running, capacity },
    };
    const { numUpdatedRows } = await kysely.updateTable(REPLICAS).set(change).where('id', '=', id).executeTakeFirst();
    if (numUpdatedRows === 1n) return rows.map(toReplica);
    await kysely
      .insertInto(REPLICAS)
      .values({ id, release_name: null, ...change })
      .execute();
    // Whoever comes puts away who is long gone.
    await kysely
      .deleteFrom(REPLICAS)
      .where(sql<boolean>`seen_at < ${now} - ${DAY_MS}`)
      .execute();
    return rows.map(toReplica);
  }
}

/** Executions that may be run by anybody; fallbacks are run by their parents. */
function readyOf(db: Db) {
  return db.selectFrom(EXECUTIONS).select(WORK).where('parent_id', 'is', null);
}

function toWork({ fence, ...row }: Pick<ExecutionRow, (typeof WORK)[number]>): Work {
  const { id, workflow, version, lane, priority } = row;
  return { id, workflow, version, lane, priority, fence: Number(fence) };
}

function toReplica(row: ReplicaRow & { readonly silent: number }): SeenReplica {
  return {
    ...{ id: row.id, startedAt: Number(row.started_at), versions: JSON.parse(row.versions ?? '[]') as string[] },
    ...{ running: row.running, capacity: row.capacity, silentMs: Number(row.silent) },
  };
}

/** Leases of one owner, so many at a time. */
function* groupsOf(leases: readonly ExecutionLease[]): Generator<readonly ExecutionLease[]> {
  for (let from = 0; from < leases.length; from += GROUP) yield leases.slice(from, from + GROUP);
}

/** Whoever takes an execution over is another owner. */
function areHeld(leases: readonly ExecutionLease[]): RawBuilder<boolean> {
  const ids = sql.join(listed(leases.map(({ id }) => id)));
  return sql<boolean>`(id in (${ids}) and owner = ${leases[0]!.owner} and status = 'running')`;
}
