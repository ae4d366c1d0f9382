import 'reflect-metadata';

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type ClientOptions,
  type ClientProxy,
  ClientProxyFactory,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import { lastValueFrom } from 'rxjs';

import { AppModule } from '../src/app.module.js';
import { readConfiguration } from '../src/configuration/configuration.js';
import { configureService } from '../src/configure-service.js';
import { startTransport } from '../src/transport/start-transport.js';
import { transportOf } from '../src/transport/transport.js';
import { TOKEN, WORKFLOW } from './greeting.js';
import { type Broker, findNats, findRedis, startNats, startRedis } from './servers/broker.server.js';
import { freePort } from './servers/port.js';

const installed = (name: string): Promise<boolean> =>
  import(name).then(
    () => true,
    () => false,
  );

const TRANSPORTS = [
  {
    transport: 'redis',
    client: 'ioredis',
    found: findRedis(),
    start: startRedis,
    server: 'a Redis (apt-get install redis-server, or REDIS_URL)',
  },
  {
    transport: 'nats',
    client: '@nats-io/transport-node',
    found: findNats(),
    start: (found: NonNullable<ReturnType<typeof findNats>>) => startNats(found, 'a-token-of-nats'),
    server: 'a NATS server (apt-get install nats-server, or NATS_URL)',
  },
] as const;

for (const { transport, client: name, found, start, server } of TRANSPORTS) {
  const hasClient = await installed(name);
  if (!found || !hasClient) {
    const missing = [...(found ? [] : [server]), ...(hasClient ? [] : [`the package ${name}`])].join(' and ');
    process.stderr.write(`\nSKIPPED: the service over ${transport} was NOT tested. It needs ${missing}.\n\n`);
  }
  const suite = found && hasClient ? describe : describe.skip;

  suite(`The service over ${transport}`, () => {
    let broker: Broker;
    let directory: string;
    let app: NestExpressApplication;
    let client: ClientProxy;

    beforeAll(async () => {
      if (!found) return;
      broker = await start(found);
      directory = await mkdtemp(join(tmpdir(), `nest-resilience-${transport}-`));
      await writeFile(join(directory, 'greet.yaml'), WORKFLOW);
      const settings = {
        ...{ DATA_DIR: directory, WORKFLOWS_DIR: directory, ADMIN_TOKEN: TOKEN, TRANSPORT: transport },
        [`${transport.toUpperCase()}_URL`]: broker.url,
      };
      const configuration = readConfiguration(settings);
      const imports = [AppModule.forRoot(configuration, settings)];
      const module = await Test.createTestingModule({ imports }).compile();
      app = module.createNestApplication<NestExpressApplication>({ bodyParser: false, logger: false });
      await configureService(app, configuration);
      await startTransport(app, configuration);
      await app.init();
      client = ClientProxyFactory.create((await transportOf(configuration)) as ClientOptions);
      await client.connect();
    });

    afterAll(async () => {
      await client?.close();
      await app?.close();
      await broker?.stop();
      if (directory) await rm(directory, { recursive: true, force: true });
    });

    const send = <T = Record<string, unknown>>(pattern: string, message: object = {}): Promise<T> =>
      lastValueFrom(client.send<T>(pattern, { token: TOKEN, ...message }));

    const refused = (pattern: string, message?: object): Promise<unknown> =>
      send(pattern, message).then(
        () => 'it was not refused',
        (error: unknown) => error,
      );

    it('starts an execution and reports it', async () => {
      const started = await send('executions.start', { workflow: 'greet', input: { name: 'Ada' }, wait: '10s' });

      const ledger = await send('executions.get', { id: started['id'] });

      expect(started).toMatchObject({ status: 'succeeded', output: { shout: 'HELLO ADA' } });
      expect(ledger).toMatchObject({ id: started['id'], nodes: [{ node: 'hello' }, { node: 'shout' }] });
      expect(await send('workflows.metrics', { workflow: 'greet' })).toMatchObject({ total: 1, successRate: 1 });
    });

    it('answers many at once, each with its own', async () => {
      const names = Array.from({ length: 20 }, (_, index) => `n${index}`);

      const answers = await Promise.all(
        names.map((guest) => send('executions.start', { workflow: 'greet', input: { name: guest }, wait: '10s' })),
      );

      expect(answers.map(({ output }) => output)).toEqual(
        names.map((guest) => ({ shout: `HELLO ${guest.toUpperCase()}` })),
      );
    });

    it('that is not there stops the start, with the setting, the address and the way out', async () => {
      const port = await freePort();
      const variable = `${transport.toUpperCase()}_URL`;
      const settings = { TRANSPORT: transport, [variable]: `${transport}://ada:secret@127.0.0.1:${port}` };
      const configuration = readConfiguration(settings);
      const module = await Test.createTestingModule({}).compile();
      const alone = module.createNestApplication({ logger: false });
      const messages = alone.connectMicroservice((await transportOf(configuration)) as MicroserviceOptions & object);

      const error = await startTransport(alone, configuration).catch((thrown: unknown) => thrown);
      await alone.close();
      // Otherwise its clients look for it once more, a second later.
      if (transport === 'redis') for (const left of messages.unwrap<{ disconnect(): void }[]>()) left.disconnect();

      expect(String(error)).toContain(`TRANSPORT=${transport} cannot start at 127.0.0.1:${port}: `);
      expect(String(error)).toContain(`Correct ${variable}, or set TRANSPORT=none`);
      expect(String(error)).not.toContain('secret');
    });

    it('refuses an unknown workflow with the nearest name, bad input with the field, and who has no token', async () => {
      expect(await refused('executions.start', { workflow: 'gret' })).toMatchObject({
        ...{ status: 404, code: 'RESILIENCE_WORKFLOW_NOT_FOUND', nearest: 'greet', known: ['greet'] },
      });
      expect(await refused('executions.start', { workflow: 'greet', input: {} })).toMatchObject({
        ...{ status: 400, errors: [{ field: 'name' }] },
      });
      expect(await refused('executions.list', { token: 'guessed' })).toMatchObject({
        ...{ status: 401, code: 'RESILIENCE_ADMIN_UNAUTHORIZED' },
      });
    });
  });
}
