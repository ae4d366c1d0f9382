import { afterEach, expect, it } from '@jest/globals';
import { ClusterModule, RedisConnection } from '@nest-resilience/cluster';
import { CircuitBreaker, ResilienceModule, ResilienceService } from '@nest-resilience/core';
import { AdminModule } from '@nest-resilience/core/admin';
import { type INestApplication, Injectable } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Redis } from 'ioredis';
import { type RedisServer, startRedisServer } from '../servers/redis.server.js';
import { suiteWith } from '../servers/suite.js';

const describe = suiteWith(['redis-server'], 'switches of replicas were');

const TOKEN = 'a-token-for-tests';

@Injectable()
class Provider {
  @CircuitBreaker({ name: 'provider', failureThreshold: 1, recoveryTimeout: '1h', key: (tenant: string) => tenant })
  ask(_tenant: string): Promise<never> {
    return Promise.reject(new Error('down'));
  }
}

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

class Replica {
  private constructor(
    private readonly application: INestApplication,
    private readonly url: string,
  ) {}

  static async start(redis: RedisServer, replicaId: string): Promise<Replica> {
    class Application {}
    const imports = [
      ...[ResilienceModule.forRoot(), AdminModule.forRoot({ token: TOKEN })],
      ClusterModule.forRoot({ redis: redis.url, replicaId, commandTimeout: '2s', sweep: '200ms' }),
    ];
    const application = await NestFactory.create(
      { module: Application, imports, providers: [Provider] },
      { logger: false },
    );
    await application.listen(0, '127.0.0.1');
    const replica = new Replica(application, await application.getUrl());
    undo.push(() => replica.close());
    return replica;
  }

  close(): Promise<void> {
    return this.application.close();
  }

  /** @returns the error's name */
  call(tenant = 't1'): Promise<string> {
    return this.application
      .get(Provider)
      .ask(tenant)
      .catch((error: Error) => error.constructor.name);
  }

  async operator(act: string, body?: object): Promise<number> {
    const { status } = await fetch(`${this.url}/resilience/circuits/provider%5Bt1%5D/${act}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    return status;
  }

  get troubles(): string {
    return this.application.get(RedisConnection).troubles.join('; ');
  }

  /** Of the circuit of `t1`, as soon as it is this. */
  async becomes(state: string): Promise<void> {
    for (;;) {
      const circuits = this.application.get(ResilienceService).circuits();
      if (circuits.find(({ name }) => name === 'provider[t1]')?.state === state) return;
      await new Promise(setImmediate);
    }
  }
}

async function server(port?: number): Promise<RedisServer> {
  const redis = await startRedisServer([], port);
  undo.push(() => redis.stop());
  return redis;
}

function connect(redis: RedisServer): Redis {
  const client = new Redis(redis.url);
  client.on('error', () => undefined);
  undo.push(() => client.disconnect());
  return client;
}

describe('What an operator switches on one replica', () => {
  it.each<[string, object | undefined, string]>([
    ['disable', undefined, 'disabled'],
    ['metrics-only', undefined, 'metrics_only'],
    ['open', undefined, 'forced_open'],
    ['open', { for: '5m' }, 'open'],
  ])('%s %j holds on the others and on those to come, until it is ended anywhere', async (act, body, state) => {
    const redis = await server();
    const [one, other] = [await Replica.start(redis, 'one'), await Replica.start(redis, 'other')];
    for (const replica of [one, other]) await replica.call();
    for (const replica of [one, other]) await replica.becomes('open');

    expect(await one.operator(act, body)).toBe(200);
    await other.becomes(state);
    const late = await Replica.start(redis, 'late');
    await late.call();
    await late.becomes(state);
    expect(await late.operator('close')).toBe(200);

    for (const replica of [one, other, late]) await replica.becomes('closed');
  });

  it('is as new after a reset, for those to come as well', async () => {
    const redis = await server();
    const [one, other] = [await Replica.start(redis, 'one'), await Replica.start(redis, 'other')];
    for (const replica of [one, other]) await replica.call();
    for (const replica of [one, other]) await replica.becomes('open');

    await other.operator('reset');
    await one.becomes('closed');

    expect(await (await Replica.start(redis, 'late')).call()).toBe('Error');
  });

  it('outlives the replica, and a Redis that lost everything while another one lives', async () => {
    const redis = await server();
    const [one, other] = [await Replica.start(redis, 'one'), await Replica.start(redis, 'other')];
    for (const replica of [one, other]) await replica.call();
    await one.operator('disable');
    await other.becomes('disabled');
    await one.close();
    const client = connect(redis);
    await client.flushall();
    while ((await client.hlen('{nr:circuits}:s')) === 0) await new Promise(setImmediate);

    const late = await Replica.start(redis, 'late');

    expect([await late.call(), await late.call()]).toEqual(['Error', 'Error']);
    await late.becomes('disabled');
  });
});

describe('Two replicas with one id', () => {
  it('both say so, until one of them is gone', async () => {
    const redis = await server();
    const [one, twin] = [await Replica.start(redis, 'same'), await Replica.start(redis, 'same')];
    const words = /another process is replica 'same', too: give each a replicaId of its own/;
    for (const replica of [one, twin]) while (!words.test(replica.troubles)) await new Promise(setImmediate);

    await one.close();

    while (words.test(twin.troubles)) await new Promise(setImmediate);
    const again = await Replica.start(redis, 'other');
    await twin.close();
    expect((await Replica.start(redis, 'same')).troubles).not.toMatch(words);
    expect(again.troubles).not.toMatch(words);
  });
});

describe('In Redis', () => {
  it('circuits are kept for so many names, and the keys are those of the prefix', async () => {
    const redis = await server();
    const client = connect(redis);
    const one = await Replica.start(redis, 'one');
    const kept = Array.from({ length: 10_000 }, (_, index) => [`old[${index}]`, 'open 1 1 1'] as const);
    await client.hset('{nr:circuits}:s', new Map(kept));
    await client.zadd(
      '{nr:circuits}:i',
      ...kept.flatMap(([name], index) => [String(Date.now() + 3_600_000 + index), name]),
    );
    await client.zadd('{nr:circuits}:i', '1', 'old[0]');

    await one.call('t1');
    await one.call('t2');
    while ((await client.hexists('{nr:circuits}:s', 'provider[t2]')) === 0) await new Promise(setImmediate);

    expect(await client.hlen('{nr:circuits}:s')).toBe(10_000);
    expect(await client.zcard('{nr:circuits}:i')).toBe(10_000);
    expect(await client.hmget('{nr:circuits}:s', 'old[0]', 'old[1]', 'old[2]')).toEqual([null, null, 'open 1 1 1']);
    expect((await client.keys('*')).filter((key) => !key.startsWith('{nr:') && !key.startsWith('{nr}:'))).toEqual([]);
  });

  it('names with a key too long to keep stay with their replica', async () => {
    const redis = await server();
    const one = await Replica.start(redis, 'one');

    await one.call('x'.repeat(300));
    await one.call('t1');
    const client = connect(redis);
    while ((await client.hlen('{nr:circuits}:s')) === 0) await new Promise(setImmediate);

    expect(await client.hkeys('{nr:circuits}:s')).toEqual(['provider[t1]']);
  });
});
