import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { serverAccount, serverDirectory, type ServerOptions } from './account.js';
import { freePort } from './port.js';
import { type DatabaseServer, served } from './postgres.server.js';
import { findProgram } from './program.js';

/** What this machine can offer: a server that runs already, or the MariaDB or MySQL that is installed here. */
export function findMysql(): { readonly url: string } | { readonly program: string } | undefined {
  const url = process.env['MYSQL_URL'];
  if (url !== undefined && url !== '') return { url };
  const program = findProgram('mariadbd') ?? findProgram('mysqld');
  return program === undefined ? undefined : { program };
}

/** A MariaDB or MySQL on a free port, with its files in a directory of its own. */
export async function startMysql(
  program: string,
  { settings: more = [], env, parent }: ServerOptions = {},
): Promise<DatabaseServer> {
  const account = serverAccount();
  const directory = serverDirectory('mysql', account, parent);
  const data = join(directory, 'data');
  const options = { ...account, cwd: directory };
  const installer = findProgram('mariadb-install-db');
  const common = ['--no-defaults', `--datadir=${data}`];
  if (installer !== undefined && program.includes('mariadb')) {
    execFileSync(installer, [...common, '--auth-root-authentication-method=normal', '--skip-test-db'], {
      ...options,
      stdio: 'ignore',
    });
  } else {
    execFileSync(program, [...common, '--initialize-insecure'], { ...options, stdio: 'ignore' });
  }
  const port = await freePort();
  const settings = [
    ...common,
    '--bind-address=127.0.0.1',
    `--port=${port}`,
    // What these suites test is not whether the server keeps its own promises.
    '--innodb-flush-log-at-trx-commit=0',
    `--socket=${join(directory, 's')}`,
    `--pid-file=${join(directory, 'pid')}`,
    ...more,
  ];
  const start = async (): Promise<ChildProcess> => {
    const server = spawn(program, settings, {
      ...options,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const said: string[] = [];
    for await (const line of createInterface({ input: server.stderr })) {
      said.push(line);
      if (!line.includes('ready for connections') || line.includes('X Plugin')) continue;
      server.stderr.resume();
      return server;
    }
    throw new Error(`${program} did not start:\n${said.join('\n')}`);
  };
  return served(`mysql://root@127.0.0.1:${port}/mysql`, directory, start, 'SIGTERM');
}
