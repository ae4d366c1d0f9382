import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('./children/workflow-replica.mjs', import.meta.url));
const TOKEN = 'a-token-for-the-faults';

export interface ReplicaOptions {
  readonly store: string;
  readonly effects: string;
  readonly resume?: boolean;
  readonly shutdown?: string;
  /** How many executions at once. */
  readonly running?: number;
  /** One of several replicas. */
  readonly redis?: string;
  readonly replicaId?: string;
  readonly release?: 'new';
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** A process that runs workflows, and what a client sees of it. */
export class Replica {
  private constructor(
    readonly child: ChildProcess,
    readonly url: string,
    /** What it said so far. */
    readonly log: readonly string[],
    /** Resolves with the signal or the code that ended it. */
    readonly ended: Promise<string | number>,
  ) {}

  static async start(options: ReplicaOptions, nodeOptions: readonly string[] = []): Promise<Replica> {
    const child = spawn(process.execPath, [...nodeOptions, PROGRAM, JSON.stringify(options)], {
      env: { ...process.env, NO_COLOR: '1', NODE_OPTIONS: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const log: string[] = [];
    const ended = once(child, 'close').then(([code, signal]) => (signal ?? code) as string | number);
    createInterface({ input: child.stderr }).on('line', (line) => log.push(line));
    const url = await new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        log.push(line);
        const listening = /^listening on (\S+),/.exec(line)?.[1];
        if (listening !== undefined) resolve(listening);
      });
      void ended.then(() => reject(new Error(`it did not start:\n${log.join('\n')}`)));
    });
    return new Replica(child, url, log, ended);
  }

  async ask(path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(`${this.url}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const { status, headers } = response;
    return { status, headers, body: (await response.json().catch(() => ({}))) as Record<string, unknown> };
  }

  async submit(workflow: string, input: object): Promise<string> {
    const { status, body } = await this.ask(`/workflows/${workflow}/executions`, input);
    if (status !== 202) throw new Error(`${status} ${JSON.stringify(body)}`);
    return String(body['id']);
  }

  async executions(filter: string): Promise<Record<string, unknown>[]> {
    return (await this.ask(`/executions?limit=500&${filter}`)).body['items'] as Record<string, unknown>[];
  }

  /** @returns whether it lived to see that nothing is unfinished */
  async untilNothingIsUnfinished(): Promise<boolean> {
    return until(async () => {
      const open = await Promise.all(['queued', 'running'].map((status) => this.executions(`status=${status}`)));
      return open.flat().length === 0;
    }, this.ended);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    await this.ended;
  }
}

/** Resolves with true once the condition holds, with false when the process ended before. */
export async function until(condition: () => boolean | Promise<boolean>, ended: Promise<unknown>): Promise<boolean> {
  let gone = false;
  void ended.then(() => (gone = true));
  for (;;) {
    if (gone) return false;
    // A connection that broke: the process ends.
    const holds = await Promise.resolve(condition()).catch(() => false);
    if (holds) return true;
    await pause(20);
  }
}

/** `execution node process` of every start of a node. */
export function effectsIn(file: string): string[][] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => line.split(' '));
}

/** How many nodes began more than once. */
export function repeated(effects: readonly string[][]): number {
  return effects.length - new Set(effects.map(([id, node]) => `${id} ${node}`)).size;
}
