import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { freePort } from './port.js';
import { findProgram } from './program.js';

/** A server that passes messages on. */
export interface Broker {
  readonly url: string;
  stop(): Promise<void>;
}

/** A broker that runs already, or the program of one that is installed here. */
export type FoundBroker = { readonly url: string } | { readonly program: string } | undefined;

export function findRedis(): FoundBroker {
  return found('REDIS_URL', 'redis-server');
}

export function findNats(): FoundBroker {
  return found('NATS_URL', 'nats-server');
}

/** In memory, on a free port. */
export async function startRedis(broker: NonNullable<FoundBroker>): Promise<Broker> {
  if ('url' in broker) return { url: broker.url, stop: () => Promise.resolve() };
  const port = await freePort();
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const server = spawn(broker.program, settings, { stdio: ['ignore', 'pipe', 'ignore'] });
  await untilSaid(server, server.stdout, /ready to accept connections/i, broker.program);
  return { url: `redis://127.0.0.1:${port}`, stop: () => stop(server) };
}

/** @param token what clients have to show, if they have to */
export async function startNats(broker: NonNullable<FoundBroker>, token?: string): Promise<Broker> {
  if ('url' in broker) return { url: broker.url, stop: () => Promise.resolve() };
  const port = await freePort();
  const settings = ['-a', '127.0.0.1', '-p', String(port), ...(token === undefined ? [] : ['--auth', token])];
  const server = spawn(broker.program, settings, { stdio: ['ignore', 'ignore', 'pipe'] });
  await untilSaid(server, server.stderr, /server is ready/i, broker.program);
  const login = token === undefined ? '' : `${token}@`;
  return { url: `nats://${login}127.0.0.1:${port}`, stop: () => stop(server) };
}

function found(variable: string, name: string): FoundBroker {
  const url = process.env[variable];
  if (url !== undefined && url !== '') return { url };
  const program = findProgram(name);
  return program === undefined ? undefined : { program };
}

type Server = ChildProcessByStdio<null, Readable | null, Readable | null>;

async function untilSaid(server: Server, output: Readable, ready: RegExp, program: string): Promise<void> {
  const said: string[] = [];
  for await (const line of createInterface({ input: output })) {
    said.push(line);
    if (!ready.test(line)) continue;
    output.resume();
    return;
  }
  throw new Error(`${program} did not start (${server.exitCode}):\n${said.join('\n')}`);
}

async function stop(server: Server): Promise<void> {
  const closed = once(server, 'close');
  if (server.exitCode === null && server.kill('SIGTERM')) await closed;
}
