import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { sqliteExecutionStore } from '@nest-resilience/store-sql';
import type { ExecutionLedger } from '@nest-resilience/workflow';
import { requireBuilt } from './built.js';

const ROUNDS = Number(process.env['SERVICE_KILL_ROUNDS'] ?? 50);
const CLIENTS = 8;
const TOKEN = 'a-token-for-the-faults';
const NODES = ['archive', 'classify', 'draft', 'file', 'parse', 'summarise'];
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAIL = readFileSync(join(ROOT, 'examples/inbox/easy-ham-1-00055.eml'), 'utf8');

let directory: string;
let downstream: Downstream;

beforeAll(() => {
  requireBuilt('resilience', 'llm', 'store-sql', 'workflow');
  if (!existsSync(join(ROOT, 'dist/main.js'))) throw new Error('dist/main.js is missing: run `npm run build` first');
});

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'service-kill-'));
  // Its deadline is time on the clock, and the service is dead for most of it.
  const triage = readFileSync(join(ROOT, 'workflows/inbox-triage.yaml'), 'utf8').replace(/^deadline:.*$/m, '');
  mkdirSync(join(directory, 'workflows'));
  writeFileSync(join(directory, 'workflows/inbox-triage.yaml'), triage);
  downstream = new Downstream();
  await downstream.listen();
});

afterEach(async () => {
  await downstream.close();
  rmSync(directory, { recursive: true, force: true });
});

/** What steps of the workflow call. Answers late, so that a kill finds them at work. */
class Downstream {
  /** `execution:node` of every request, as they came. */
  readonly keys: string[] = [];
  private readonly server: Server = createServer((request, response) => {
    this.keys.push(String(request.headers['idempotency-key']));
    request.resume().once('end', () => setTimeout(() => response.end('{}'), Math.random() * 30));
  });

  async listen(): Promise<void> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}

interface Service {
  readonly process: ChildProcessWithoutNullStreams;
  readonly url: string;
}

async function start(): Promise<Service> {
  const child = spawn(process.execPath, ['dist/main.js'], {
    cwd: ROOT,
    env: {
      PATH: process.env['PATH'],
      ...{ HOST: '127.0.0.1', PORT: '0', TRANSPORT: 'none', ADMIN_TOKEN: TOKEN, NO_COLOR: '1' },
      ...{ DATA_DIR: directory, WORKFLOWS_DIR: join(directory, 'workflows'), EXECUTIONS_RUNNING: '16' },
      ...{ ARCHIVE_URL: downstream.url, DESK_URL: downstream.url },
    },
  });
  const log: string[] = [];
  child.stderr.on('data', (chunk: Buffer) => log.push(String(chunk)));
  for await (const line of createInterface({ input: child.stdout })) {
    log.push(line);
    const url = /listening on (http:\/\/\S+?),?\s/.exec(line)?.[1];
    if (url === undefined) continue;
    child.stdout.resume();
    return { process: child, url: url.replace('[::1]', '127.0.0.1') };
  }
  throw new Error(`the service did not start:\n${log.join('\n')}`);
}

const ask = (url: string, body?: unknown, key?: string): Promise<Response> =>
  fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${TOKEN}`,
      'content-type': 'application/json',
      ...(key !== undefined && { 'idempotency-key': key }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });

/** Every submission there is, by its key; what was cut off by a kill is submitted again under the same key. */
class Load {
  readonly accepted = new Map<string, string>();
  readonly unanswered: string[] = [];
  repeated = 0;
  private made = 0;

  /** Submits from several clients at once and kills without warning after that many were accepted. */
  async killDuring({ process: child, url }: Service, accepted: number): Promise<void> {
    const closed = once(child, 'close');
    let answers = 0;
    const client = async (): Promise<void> => {
      while (!child.killed) {
        const key = this.unanswered.pop() ?? `mail-${this.made++}`;
        const id = await this.submit(url, key);
        if (id === undefined) {
          this.unanswered.push(key);
          this.repeated++;
        } else if (++answers === accepted) child.kill('SIGKILL');
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
    await closed;
  }

  async submit(url: string, key: string): Promise<string | undefined> {
    const response = await ask(`${url}/workflows/inbox-triage/executions`, { raw: MAIL }, key).catch(() => undefined);
    const body = await response?.json().catch(() => undefined);
    if (response?.status !== 202 || body === undefined) return undefined;
    const { id } = body as { id: string };
    // One key is one execution, whatever was killed in between.
    expect(this.accepted.get(key) ?? id).toBe(id);
    this.accepted.set(key, id);
    return id;
  }
}

/** Reads the ledger between two lives of the service. */
class Auditor {
  readonly ledgers = new Map<string, ExecutionLedger>();
  private readonly finished = new Map<string, string>();
  private seen = 0;
  /** Requests for a node whose checkpoint was there before the service was started. */
  again = 0;
  /** Checkpoints that were there and are another one, or none, now. */
  changed = 0;

  async look(): Promise<void> {
    const { keys } = downstream;
    this.again += keys.slice(this.seen).filter((key) => this.finished.has(key)).length;
    this.seen = keys.length;
    const store = sqliteExecutionStore({ file: join(directory, 'nest-resilience.db') });
    try {
      let cursor: string | undefined;
      do {
        const page = await store.list({ limit: 500, ...(cursor !== undefined && { cursor }) });
        for (const { id } of page.items) {
          // What has ended is looked at again at the very end.
          if (this.ledgers.get(id)?.status === 'succeeded') continue;
          this.keep((await store.get(id))!);
        }
        cursor = page.nextCursor ?? undefined;
      } while (cursor !== undefined);
    } finally {
      await store.close?.();
    }
  }

  lookAtAll(): Promise<void> {
    this.ledgers.clear();
    return this.look();
  }

  get nodes(): number {
    return this.finished.size;
  }

  private keep(ledger: ExecutionLedger): void {
    this.ledgers.set(ledger.id, ledger);
    const now = new Map(ledger.nodes.map((node) => [`${ledger.id}:${node.node}`, JSON.stringify(node)]));
    for (const name of NODES) {
      const key = `${ledger.id}:${name}`;
      const before = this.finished.get(key);
      if (before !== undefined && before !== now.get(key)) this.changed++;
    }
    for (const [key, record] of now) this.finished.set(key, record);
  }
}

async function untilNothingRuns({ url }: Service): Promise<void> {
  for (const status of ['queued', 'running']) {
    for (;;) {
      const page = (await (await ask(`${url}/executions?status=${status}&limit=1`)).json()) as { items: unknown[] };
      if (page.items.length === 0) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

describe('the service, killed without warning while clients submit', () => {
  it(`ends every accepted execution, and no finished node runs again, over ${ROUNDS} kills`, async () => {
    const load = new Load();
    const auditor = new Auditor();
    let unfinished = 0;

    for (let round = 0; round < ROUNDS; round++) {
      await load.killDuring(await start(), 3 + ((round * 7) % 30));
      await auditor.look();
      unfinished += [...auditor.ledgers.values()].filter(({ status }) => status !== 'succeeded').length;
    }
    const last = await start();
    await Promise.all(load.unanswered.map((key) => load.submit(last.url, key)));
    await untilNothingRuns(last);
    const closed = once(last.process, 'close');
    last.process.kill('SIGTERM');
    const [code] = (await closed) as [number | null];
    await auditor.look();
    await auditor.lookAtAll();

    const ledgers = [...auditor.ledgers.values()];
    const lost = [...load.accepted.values()].filter((id) => !auditor.ledgers.has(id));
    const effects = downstream.keys.length;
    process.stdout.write(
      `kills ${ROUNDS}, executions accepted ${load.accepted.size}, cut off and submitted again ${load.repeated}, ` +
        `unfinished at a kill ${unfinished}, ended ${ledgers.filter(({ status }) => status === 'succeeded').length} of ${ledgers.length}, ` +
        `checkpoints ${auditor.nodes}, requests of steps ${effects}, begun again because a kill came before their checkpoint ` +
        `${effects - new Set(downstream.keys).size}, finished nodes that ran again ${auditor.again}, checkpoints changed ${auditor.changed}, lost ${lost.length}\n`,
    );
    expect(code).toBe(0);
    expect(lost).toEqual([]);
    expect(auditor.again).toBe(0);
    expect(auditor.changed).toBe(0);
    expect(ledgers.filter(({ status }) => status !== 'succeeded').map(({ id, error }) => ({ id, error }))).toEqual([]);
    expect(ledgers.length).toBe(load.accepted.size);
    for (const { nodes, totals, output } of ledgers) {
      expect(nodes.map(({ node }) => node).sort()).toEqual(NODES);
      expect(nodes.map(({ status }) => status)).toEqual(NODES.map(() => 'succeeded'));
      expect(totals.nodes).toBe(NODES.length);
      expect(output).toMatchObject({ subject: 'people we know on the web' });
    }
  }, 900_000);
});
