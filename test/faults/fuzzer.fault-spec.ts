import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, createServer, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { requireBuilt } from './built.js';
import { type FuzzRequest, type Known, type OpenApi, operationsOf, requestOf } from './fuzzer/requests.js';
import type { Schema } from './fuzzer/value-of-schema.js';
import { type ServiceProcess, startService } from './service-process.js';

const REQUESTS = Number(process.env['FUZZ_REQUESTS'] ?? 20_000);
const SEED = Number(process.env['FUZZ_SEED'] ?? 7);
const AT_ONCE = 4;
const PATIENCE_MS = 2_000;
const TOKEN = 'only-for-this-test';
/** Before anybody is asked, and in no words. */
const REFUSED_BY_NODE = new Set([417, 431]);
/** What any route may answer to a request that is not right, without the document saying so for each. */
const ANYWHERE = new Set([400, 401, 404, 405, 411, 413, 414, 415, 422, 429]);

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly retryAfter: string | undefined;
  readonly text: string;
}

let directory: string;
let downstream: Server;
let address: string;
let service: ServiceProcess;
const agent = new Agent({ keepAlive: true });

beforeAll(async () => {
  requireBuilt('resilience', 'store-sql', 'workflow', 'llm');
  directory = mkdtempSync(join(tmpdir(), 'fuzzer-'));
  let asked = 0;
  downstream = createServer((incoming, response) => {
    incoming.resume();
    const status = asked++ % 5 === 0 ? 500 : 200;
    response.writeHead(status, { 'content-type': 'application/json' }).end('{"ok":true}');
  }).listen(0, '127.0.0.1');
  await once(downstream, 'listening');
  const { port } = downstream.address() as AddressInfo;
  address = `http://127.0.0.1:${port}`;
  service = await startService({
    ADMIN_TOKEN: TOKEN,
    DATA_DIR: join(directory, 'data'),
    ARCHIVE_URL: address,
    DESK_URL: address,
    HTTP_ALLOW: `127.0.0.1:${port}`,
  });
});

afterAll(() => {
  agent.destroy();
  service.child.kill('SIGKILL');
  downstream.close();
  downstream.closeAllConnections();
  rmSync(directory, { recursive: true, force: true });
});

describe('requests that nobody would write', () => {
  it('end in an answer of the contract, and none of the others is lost', async () => {
    const known = await whatIsThere();
    const operations = operationsOf(JSON.parse((await ask({ target: '/openapi-json' })).text) as OpenApi);
    const broken: string[] = [];
    const statuses = new Map<number, number>();
    let [next, accepted, started, slowest] = [0, 0, 0, 0];
    const silence = watchLiveness();

    const client = async (): Promise<void> => {
      while (next < REQUESTS) {
        const sent = requestOf(operations, known, SEED + next++);
        const at = performance.now();
        const answer = await ask(sent).catch((error: unknown) => ({ failed: String(error) }));
        slowest = Math.max(slowest, performance.now() - at);
        if ('failed' in answer && answer.failed.startsWith('AbortError')) continue;
        const fault = 'failed' in answer ? answer.failed : faultOf(sent, answer);
        if (fault !== undefined)
          broken.push(`${sent.method} ${sent.target.slice(0, 200)} ${sent.body?.slice(0, 200) ?? ''}: ${fault}`);
        if ('failed' in answer) continue;
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        if (sent.valid && answer.status < 300) accepted++;
        if (remember(known, sent, answer)) started++;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, client));
    const unfinished = await runOut();
    const silent = await silence();

    process.stdout.write(
      `${REQUESTS} requests, seed ${SEED}: ${accepted} valid and accepted, ${started} runs started, ` +
        `${[...statuses]
          .sort()
          .map(([status, count]) => `${status}: ${count}`)
          .join(', ')}; ` +
        `slowest ${slowest.toFixed()} ms, liveness silent for at most ${silent.toFixed()} ms, ${residentMib().toFixed()} MiB\n`,
    );
    expect(broken).toEqual([]);
    expect(unfinished).toBe(0);
    expect(accepted).toBeGreaterThan(REQUESTS / 3);
    expect(service.child.exitCode).toBeNull();
    expect(service.log.filter((line) => /unhandled|uncaught/i.test(line))).toEqual([]);
  }, 3_600_000);
});

/** @returns why an answer is none of the contract */
function faultOf(
  { operation, method, valid }: FuzzRequest,
  { status, type, retryAfter, text }: Answer,
): string | undefined {
  const said = `${status} ${text.slice(0, 300)}`;
  if (status === 503 && type.startsWith('application/problem+json') && retryAfter !== undefined) return undefined;
  if (status >= 500 && !(status === 501 && operation.statuses.has(501))) return said;
  if (REFUSED_BY_NODE.has(status)) return undefined;
  if (status >= 400 && method !== 'HEAD' && !type.startsWith('application/problem+json'))
    return `no problem document: ${said}`;
  if (method !== operation.method) return undefined;
  // How many arguments a call had, no document can say.
  if (valid && status === 400 && operation.method !== 'PATCH') return `valid by the document, and refused: ${said}`;
  if (!operation.statuses.has(status) && !ANYWHERE.has(status)) return `not in the document: ${said}`;
  return undefined;
}

async function whatIsThere(): Promise<Known> {
  const names = (JSON.parse((await ask({ target: '/workflows' })).text) as { items: { name: string }[] }).items;
  const workflows = new Map<string, Schema>();
  for (const { name } of names) {
    const { input } = JSON.parse((await ask({ target: `/workflows/${name}` })).text) as { input?: Schema };
    workflows.set(name, input ?? {});
  }
  const circuits = JSON.parse((await ask({ target: '/resilience/circuits' })).text) as { name: string }[];
  return { workflows, circuits: circuits.map(({ name }) => name), executions: [], deadLetters: [], address };
}

/** @returns whether a run was accepted */
function remember(
  { executions, deadLetters }: Known,
  { operation, method, target }: FuzzRequest,
  { status, text }: Answer,
): boolean {
  if (method !== operation.method || status >= 300) return false;
  if (operation.path === '/dead-letters') {
    const { items } = JSON.parse(text) as { items: { id: string }[] };
    deadLetters.splice(0, Infinity, ...items.slice(0, 50).map(({ id }) => id));
  }
  if (!target.startsWith('/workflows/') || method !== 'POST') return false;
  executions.push((JSON.parse(text) as { id: string }).id);
  if (executions.length > 200) executions.shift();
  return true;
}

/** Waits until nothing runs. @returns how many still do when none has ended for a minute */
async function runOut(): Promise<number> {
  let [left, patience] = [-1, 600];
  while (patience-- > 0) {
    const counts = await Promise.all(
      ['queued', 'running'].map(async (status) => {
        const { items } = JSON.parse((await ask({ target: `/executions?limit=500&status=${status}` })).text) as {
          items: unknown[];
        };
        return items.length;
      }),
    );
    const now = counts[0]! + counts[1]!;
    if (now === 0) return 0;
    if (now !== left) patience = 600;
    left = now;
    await pause(100);
  }
  return left;
}

/** @returns what ends it and resolves to the longest time that liveness needed, in ms */
function watchLiveness(): () => Promise<number> {
  let [worst, watching] = [0, true];
  const over = (async () => {
    while (watching) {
      const at = performance.now();
      await ask({ target: '/health/live' });
      worst = Math.max(worst, performance.now() - at);
      await pause(20);
    }
  })();
  return async () => {
    watching = false;
    await over;
    return worst;
  };
}

function residentMib(): number {
  const status = readFileSync(`/proc/${service.child.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024;
}

/** As it stands, without a library that would put it right. A stream is left once it has begun. */
async function ask(sent: Pick<FuzzRequest, 'target'> & Partial<FuzzRequest>): Promise<Answer> {
  const { hostname, port } = new URL(service.url);
  const { method = 'GET', target: path, headers, body } = sent;
  // Without a length Node's client sends the body of a DELETE as if it were the next request.
  const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
  const outgoing = request({
    ...{ agent, hostname, port, method, path },
    headers: { authorization: `Bearer ${TOKEN}`, ...length, ...headers },
    // A batch at one entry in a thousand seconds ends when its client leaves.
    ...(path.startsWith('/dead-letters/redrive') && { signal: AbortSignal.timeout(PATIENCE_MS) }),
  });
  outgoing.end(body);
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  const type = incoming.headers['content-type'] ?? '';
  let text = '';
  if (type.startsWith('text/event-stream')) incoming.destroy();
  else for await (const chunk of incoming.setEncoding('utf8')) text += chunk;
  return { status: incoming.statusCode!, type, retryAfter: incoming.headers['retry-after'], text };
}
