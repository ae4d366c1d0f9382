import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { freePort } from './port.js';
import { findProgram } from './program.js';

/** A Redis of a test's own, which may be frozen, killed and started again. */
export interface RedisServer {
  readonly port: number;
  readonly url: string;
  readonly child: ChildProcess;
  stop(): Promise<void>;
}

/** In memory, as a careful operator would set it up but for the disk. @param settings as on its command line */
export async function startRedisServer(settings: readonly string[] = [], port?: number): Promise<RedisServer> {
  const at = port ?? (await freePort());
  return start(at, ['--port', String(at), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', ...settings]);
}

/** @param config a file that it may write to */
export function startSentinel(config: string, port: number): Promise<RedisServer> {
  return start(port, [config, '--sentinel', '--port', String(port)]);
}

async function start(port: number, settings: readonly string[]): Promise<RedisServer> {
  const program = findProgram('redis-server');
  if (program === undefined) throw new Error('redis-server must be installed: these suites freeze it and kill it');
  const child = spawn(program, settings, { stdio: ['ignore', 'pipe', 'ignore'] });
  await untilReady(child, program);
  return {
    ...{ port, child, url: `redis://127.0.0.1:${port}` },
    stop: async () => {
      const closed = once(child, 'close');
      // It may be frozen.
      if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await closed;
    },
  };
}

async function untilReady(child: ChildProcess, program: string): Promise<void> {
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stdout! })) {
    said.push(line);
    if (!/ready to accept connections|Sentinel ID is/i.test(line)) continue;
    child.stdout!.resume();
    return;
  }
  throw new Error(`${program} did not start (${child.exitCode}):\n${said.join('\n')}`);
}
