import { type Kysely, sql } from 'kysely';

/** One step of a schema: statements that run together or not at all. Never change one that was released. */
export interface SqliteMigration {
  /** From 1, without gaps. */
  readonly version: number;
  readonly statements: readonly string[];
}

/**
 * Brings the tables of one component up to date. Safe to run twice and from several processes at once: the write lock
 * is taken before the version is read.
 * @throws Error when the file was written by a newer release
 */
export async function migrate(
  kysely: Kysely<never>,
  component: string,
  steps: readonly SqliteMigration[],
): Promise<void> {
  await kysely.transaction().execute(async (trx) => {
    await sql`create table if not exists resilience_migrations (
      component text not null, version integer not null, applied_at text not null, primary key (component, version)
    )`.execute(trx);
    const { rows } = await sql<{ version: number | null }>`
      select max(version) as version from resilience_migrations where component = ${component}`.execute(trx);
    const found = rows[0]?.version ?? 0;
    const newest = steps.at(-1)?.version ?? 0;
    if (found > newest) {
      throw new Error(
        `The tables of '${component}' are at version ${found}, this release knows ${newest}: ` +
          `update @nest-resilience/store-sql, or use another file`,
      );
    }
    for (const { version, statements } of steps.filter((step) => step.version > found)) {
      for (const statement of statements) await sql.raw(statement).execute(trx);
      await sql`insert into resilience_migrations (component, version, applied_at)
        values (${component}, ${version}, ${new Date().toISOString()})`.execute(trx);
    }
  });
}
