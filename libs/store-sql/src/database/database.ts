import { mayPass } from '@nest-resilience/core';
import type { Kysely, Transaction } from 'kysely';
import { type Flavour, isConflict, serverTime } from './flavour.js';
import type { Migration } from './migrations.js';
import { MAX_GROUP_BYTES } from './row-bytes.js';

/** Whose clock decides when a lease has run out. */
export type LeaseClock = 'database' | 'caller';

/** An open database. */
export interface Database<Schema> {
  readonly flavour: Flavour;
  readonly leaseClock: LeaseClock;
  readonly kysely: Kysely<Schema>;
  /** Bytes of rows that one statement may bring, as the server said last. @default 4 MB */
  readonly groupBytes?: number | undefined;
  migrate(component: string, steps: readonly Migration[]): Promise<void>;
  /** @throws Error when what would be written now would not be found again, or what is there cannot be read */
  probe?(): void;
  close(): Promise<void>;
}

/** Where a store finds its database. */
export interface DatabaseSource {
  /** For messages; free of passwords. */
  readonly name: string;
  /** `false` when nothing outlives the process. */
  readonly durable: boolean;
  /** Processes of several machines can work on it. */
  readonly networked: boolean;
  open<Schema>(): Database<Schema>;
}

/** Opened and migrated at the first use: making a store, as modules do when they are imported, touches nothing. */
export class LazyDatabase<Schema> {
  private opening: Promise<Database<Schema>> | undefined;
  private opened: Database<Schema> | undefined;

  constructor(
    private readonly source: DatabaseSource,
    private readonly component: string,
    private readonly steps: readonly Migration[],
  ) {}

  /** Bytes of rows that one transaction should bring at most. */
  get groupBytes(): number {
    return Math.min(MAX_GROUP_BYTES, this.opened?.groupBytes ?? MAX_GROUP_BYTES);
  }

  async get(): Promise<Database<Schema>> {
    const opening = (this.opening ??= this.open());
    try {
      return await opening;
    } catch (error) {
      // The next call tries again: a full disk or a server that was away may be back by then.
      if (this.opening === opening) this.opening = undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    const { opening } = this;
    this.opening = undefined;
    await (await opening?.catch(() => undefined))?.close();
  }

  private async open(): Promise<Database<Schema>> {
    const database = this.source.open<Schema>();
    try {
      await database.migrate(this.component, this.steps);
      return (this.opened = database);
    } catch (error) {
      await database.close();
      throw mayPass(error) ? passing(this.source.name, error) : error;
    }
  }
}

/** `isRetryable`, by which an application knows that it may start all the same: the codes are the database's own. */
function passing(name: string, cause: unknown): Error {
  return Object.assign(new Error(`${name} is not ready: ${(cause as Error).message}`, { cause }), {
    isRetryable: true,
  });
}

const MAX_TRIES = 8;

/** Runs `work` in a transaction, and again when another transaction got into its way: so `work` has no effects elsewhere. */
export async function transact<Schema, T>(
  { kysely, flavour }: Pick<Database<Schema>, 'kysely' | 'flavour'>,
  work: (trx: Transaction<Schema>) => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      const transaction = kysely.transaction();
      // InnoDB's default locks the gaps between keys, in which others want to insert.
      return await (flavour === 'mysql' ? transaction.setIsolationLevel('read committed') : transaction).execute(work);
    } catch (error) {
      if (tries === MAX_TRIES || !isConflict(error)) throw error;
    }
  }
}

/** The time by which leases are measured: one clock for all replicas, unless the store was told to take the callers'. */
export async function leaseTime(
  { flavour, leaseClock }: Pick<Database<never>, 'flavour' | 'leaseClock'>,
  trx: Pick<Kysely<never>, 'selectNoFrom'>,
  callersNow: number,
): Promise<number> {
  if (leaseClock === 'caller' || flavour === 'sqlite') return callersNow;
  const { now } = await trx.selectNoFrom(serverTime(flavour).as('now')).executeTakeFirstOrThrow();
  return Number(now);
}
