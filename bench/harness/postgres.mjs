import { createJiti } from 'jiti';

/** The server of the tests: a PostgreSQL of its own on a free port. */
export async function startPostgres() {
  const servers = await createJiti(import.meta.url).import('../../test/servers/postgres.server.ts');
  return servers.startPostgres();
}
