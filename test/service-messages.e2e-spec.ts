import 'reflect-metadata';

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ClientProxy, ClientProxyFactory, Transport } from '@nestjs/microservices';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import { lastValueFrom } from 'rxjs';

import { AppModule } from '../src/app.module.js';
import { readConfiguration } from '../src/configuration/configuration.js';
import { configureService } from '../src/configure-service.js';
import { transportOf } from '../src/transport/transport.js';
import { TOKEN, WORKFLOW } from './greeting.js';
import { freePort } from './servers/port.js';

let directory: string;
let app: NestExpressApplication;
let client: ClientProxy;
let inside: Server;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'nest-resilience-messages-'));
  await writeFile(join(directory, 'greet.yaml'), WORKFLOW);
  const TCP_PORT = String(await freePort());
  inside = createHttpServer((_, response) => response.end('from inside')).listen(0, '127.0.0.1');
  await once(inside, 'listening');
  const { port } = inside.address() as AddressInfo;
  for (const [name, host] of [
    ['allowed', '127.0.0.1'],
    ['refused', '127.0.0.2'],
  ] as const) {
    const node = `{ http: { url: 'http://${host}:${port}/' } }`;
    await writeFile(join(directory, `${name}.yaml`), `name: ${name}\nnodes: { get: ${node} }\n`);
  }
  const settings = {
    ...{ DATA_DIR: directory, WORKFLOWS_DIR: directory, ADMIN_TOKEN: TOKEN, TCP_PORT },
    HTTP_ALLOW: `archive.internal,127.0.0.1:${port}`,
  };
  const configuration = readConfiguration(settings);
  const module = await Test.createTestingModule({ imports: [AppModule.forRoot(configuration, settings)] }).compile();
  app = module.createNestApplication<NestExpressApplication>({ bodyParser: false, logger: false });
  await configureService(app, configuration);
  await app.startAllMicroservices();
  await app.init();
  client = ClientProxyFactory.create({ transport: Transport.TCP, options: { port: Number(TCP_PORT) } });
});

afterAll(async () => {
  await client.close();
  await app.close();
  inside.close();
  await rm(directory, { recursive: true, force: true });
});

const send = <T = Record<string, unknown>>(pattern: string, message: object = {}): Promise<T> =>
  lastValueFrom(client.send<T>(pattern, { token: TOKEN, ...message }));

const refused = (pattern: string, message?: object): Promise<unknown> =>
  send(pattern, message).then(
    () => 'it was not refused',
    (error: unknown) => error,
  );

describe('The service over TCP', () => {
  it('starts executions and reports them', async () => {
    const started = await send('executions.start', { workflow: 'greet', input: { name: 'Ada' }, wait: '10s' });
    const ledger = await send('executions.get', { id: started['id'] });
    const page = await send('executions.list', { workflow: 'greet', status: 'succeeded', limit: 10 });

    expect(started).toMatchObject({ status: 'succeeded', output: { shout: 'HELLO ADA' } });
    expect(ledger).toMatchObject({ id: started['id'], nodes: [{ node: 'hello' }, { node: 'shout' }] });
    expect(page).toMatchObject({ items: [{ id: started['id'], workflow: 'greet' }] });
    expect(await send('workflows.list')).toMatchObject({
      items: [{ name: 'allowed' }, { name: 'greet' }, { name: 'refused' }],
    });
    expect(await send('workflows.metrics', { workflow: 'greet' })).toMatchObject({ total: 1, successRate: 1 });
  });

  it('answers as soon as the execution is durable, and leads one key to one execution', async () => {
    const message = { workflow: 'greet', input: { name: 'Bob' }, idempotencyKey: 'bob' };

    const [first, second] = await Promise.all([send('executions.start', message), send('executions.start', message)]);

    expect(first).toMatchObject({ workflow: 'greet', input: { name: 'Bob' } });
    expect(second['id']).toBe(first['id']);
    expect(await refused('executions.start', { ...message, input: { name: 'Eve' } })).toMatchObject({
      status: 422,
      code: 'RESILIENCE_IDEMPOTENCY_CONFLICT',
    });
  });

  it('calls the private addresses that HTTP_ALLOW names, and no other', async () => {
    const allowed = await send('executions.start', { workflow: 'allowed', wait: '10s' });
    const refusal = await send('executions.start', { workflow: 'refused', wait: '10s' });

    expect(allowed).toMatchObject({ status: 'succeeded', output: { get: { status: 200, body: 'from inside' } } });
    expect(refusal).toMatchObject({ status: 'failed', error: { code: 'RESILIENCE_REQUEST_REFUSED' } });
  });

  it('lets nobody in without the token', async () => {
    expect(await refused('executions.list', { token: undefined })).toMatchObject({
      status: 401,
      code: 'RESILIENCE_ADMIN_UNAUTHORIZED',
    });
    expect(await refused('executions.start', { token: 'guessed', workflow: 'greet' })).toMatchObject({ status: 401 });
  });

  it.each(["x' or 1=1--", 'anything', '------------------------------------', { gt: '' }])(
    'refuses the cursor %j, which is none',
    async (cursor) => {
      const problem = await refused('executions.list', { cursor });

      expect(problem).toMatchObject({ status: 400, code: 'RESILIENCE_WORKFLOW_INPUT', errors: [{ field: 'cursor' }] });
    },
  );

  it('answers problems that name every field, the known names and the state', async () => {
    const { id } = await send<{ id: string }>('executions.start', {
      workflow: 'greet',
      input: { name: 'Cy' },
      wait: '10s',
    });

    expect(await refused('executions.start', { wait: 'soon', idempotencyKey: 5 })).toMatchObject({
      status: 400,
      errors: [{ field: 'workflow' }, { field: 'idempotencyKey' }, { field: 'wait' }],
    });
    expect(await refused('executions.start', { workflow: 'greet', input: {} })).toMatchObject({
      status: 400,
      errors: [{ field: 'name' }],
    });
    expect(await refused('executions.start', { workflow: 'gret' })).toMatchObject({ status: 404, nearest: 'greet' });
    expect(await refused('executions.resume', { id })).toMatchObject({ status: 409, executionId: id });
    expect(await refused('executions.cancel', { id: 'nobody' })).toMatchObject({ status: 404 });
    expect(await refused('executions.retry', { id })).toMatchObject({ status: 400, errors: [{ field: 'from' }] });
  });
});

describe('The transport', () => {
  it('is none when asked for none', async () => {
    expect(await transportOf(readConfiguration({ TRANSPORT: 'none' }))).toBeUndefined();
  });

  it.each([
    ['nats', '@nats-io/transport-node'],
    ['redis', 'ioredis'],
  ])('%s is refused with a name to install when its package is missing', async (TRANSPORT, name) => {
    const load = (asked: string) =>
      Promise.reject(Object.assign(new Error(`Cannot find package '${asked}'`), { code: 'ERR_MODULE_NOT_FOUND' }));

    const transport = transportOf(readConfiguration({ TRANSPORT }), load);

    await expect(transport).rejects.toThrow(
      `TRANSPORT (environment): '${TRANSPORT}' needs the package ${name}: npm install ${name}`,
    );
  });

  it('takes credentials and encryption from the address of the broker', async () => {
    const load = () => Promise.resolve();
    const optionsOf = async (env: Record<string, string>) =>
      ((await transportOf(readConfiguration(env), load)) as { options: unknown }).options;

    expect(await optionsOf({ TRANSPORT: 'nats', NATS_URL: 'tls://ada:p%40ss@nats.internal:4333' })).toMatchObject({
      ...{ servers: ['nats.internal:4333'], user: 'ada', pass: 'p@ss', tls: {} },
    });
    expect(await optionsOf({ TRANSPORT: 'nats', NATS_URL: 'nats://t0ken@nats.internal' })).toMatchObject({
      ...{ servers: ['nats.internal'], token: 't0ken' },
    });
    expect(await optionsOf({ TRANSPORT: 'redis', REDIS_URL: 'rediss://ada:p%40ss@[::1]:6400' })).toMatchObject({
      ...{ host: '::1', port: 6400, username: 'ada', password: 'p@ss', tls: {} },
    });
  });

  it('is no other one', () => {
    expect(() => readConfiguration({ TRANSPORT: 'pigeon', NATS_URL: 'http://x' })).toThrow(/TRANSPORT.*NATS_URL/s);
  });
});
