import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { requireBuilt } from './built.js';
import { until } from './replica.js';
import { type ServiceProcess, startService } from './service-process.js';

const TOKEN = 'only-for-this-test';

let directory: string;
let downstream: Server;
let waiting: ServerResponse[];
const services: ServiceProcess[] = [];

beforeAll(() => requireBuilt('resilience', 'store-sql', 'workflow', 'llm'));

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'service-resume-'));
  waiting = [];
  downstream = createServer((request, response) => {
    request.resume();
    waiting.push(response);
  }).listen(0, '127.0.0.1');
  await once(downstream, 'listening');
  mkdirSync(join(directory, 'workflows'));
  writeFileSync(
    join(directory, 'workflows', 'ask.yaml'),
    `name: ask\nnodes:\n  ask:\n    http: { url: 'http://${authority()}/' }\n    timeout: { each: 10m }\n`,
  );
});

afterEach(() => {
  for (const { child } of services.splice(0)) child.kill('SIGKILL');
  downstream.close();
  downstream.closeAllConnections();
  rmSync(directory, { recursive: true, force: true });
});

const authority = (): string => `127.0.0.1:${(downstream.address() as AddressInfo).port}`;

async function start(env: Record<string, string> = {}): Promise<ServiceProcess> {
  const service = await startService({
    ...{ ADMIN_TOKEN: TOKEN, DATA_DIR: join(directory, 'data'), WORKFLOWS_DIR: join(directory, 'workflows') },
    ...{ HTTP_ALLOW: authority(), ...env },
  });
  services.push(service);
  return service;
}

async function ask(
  { url }: ServiceProcess,
  path: string,
  method = 'GET',
): Promise<[number, { id: string; status: string }]> {
  const response = await fetch(`${url}${path}`, { method, headers: { authorization: `Bearer ${TOKEN}` } });
  return [response.status, (await response.json()) as { id: string; status: string }];
}

it('EXECUTIONS_RESUME=off starts the service without what a killed one left, until somebody resumes it', async () => {
  const first = await start();
  const [, { id }] = await ask(first, '/workflows/ask/executions', 'POST');
  await until(() => waiting.length === 1, first.ended);
  first.child.kill('SIGKILL');
  await first.ended;

  const second = await start({ EXECUTIONS_RESUME: 'off' });
  const [status, fresh] = await ask(second, '/workflows/ask/executions', 'POST');
  await until(() => waiting.length === 2, second.ended);
  waiting[1]!.end('{}');
  await until(async () => (await ask(second, `/executions/${fresh.id}`))[1].status === 'succeeded', second.ended);

  expect(status).toBe(202);
  expect(waiting).toHaveLength(2);
  expect(await ask(second, `/executions/${id}`)).toMatchObject([200, { status: 'running' }]);

  expect(await ask(second, `/executions/${id}/resume`, 'POST')).toMatchObject([202, { id }]);
  await until(() => waiting.length === 3, second.ended);
  waiting[2]!.end('{}');
  await until(async () => (await ask(second, `/executions/${id}`))[1].status === 'succeeded', second.ended);
});
