import { afterEach, expect, it } from '@jest/globals';
import { ClusterCircuits, ClusterLeases, ClusterLimits, ClusterModule } from '@nest-resilience/cluster';
import { ResilienceModule } from '@nest-resilience/core';
import { type ClusterLease, LLM_CLUSTER_LEASE, LLM_SHARED_LIMITS, type SharedLimits } from '@nest-resilience/llm';
import { FakeClock } from '@nest-resilience/core/testing';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Redis } from 'ioredis';
import { freeze } from '../servers/freeze.js';
import { type RedisServer, startRedisServer } from '../servers/redis.server.js';
import { suiteWith } from '../servers/suite.js';

const describe = suiteWith(['redis-server'], 'limits of replicas were');

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function cluster(
  count = 3,
): Promise<{ redis: RedisServer; replicas: INestApplicationContext[]; clock: FakeClock }> {
  const redis = await startRedisServer();
  undo.push(() => redis.stop());
  // Redis has a clock of its own.
  const clock = new FakeClock();
  const replicas: INestApplicationContext[] = [];
  for (let i = 0; i < count; i++) {
    class Application {}
    const imports = [
      ResilienceModule.forRoot({ clock }),
      ClusterModule.forRoot({ redis: redis.url, replicaId: `r${i}`, commandTimeout: '1s' }),
    ];
    const replica = await NestFactory.createApplicationContext({ module: Application, imports }, { logger: false });
    undo.push(() => replica.close());
    replicas.push(replica);
  }
  return { redis, replicas, clock };
}

/** The next sign of life tells each how many there are. */
async function allKnown(replicas: readonly INestApplicationContext[], clock: FakeClock): Promise<void> {
  while (replicas.some((replica) => replica.get(ClusterCircuits).replicas < replicas.length)) {
    await clock.advance('4s');
    await new Promise(setImmediate);
  }
}

async function takeAll(replicas: readonly INestApplicationContext[], tokens: number, rounds: number) {
  let taken = 0;
  const waits: number[] = [];
  for (let round = 0; round < rounds; round++)
    for (const replica of replicas) {
      const answer = await replica.get(ClusterLimits).take('openai', tokens, 6_000);
      if (answer.ok) taken += tokens;
      else waits.push(answer.waitMs);
    }
  return { taken, waits };
}

describe('A limit that replicas share', () => {
  it('is one bucket: all together get what one alone would', async () => {
    const { replicas } = await cluster();
    const startedAt = performance.now();

    const { taken, waits } = await takeAll(replicas, 100, 40);

    const flowedIn = ((performance.now() - startedAt) / 60_000) * 6_000;
    expect(taken).toBeGreaterThanOrEqual(6_000);
    expect(taken).toBeLessThanOrEqual(6_000 + flowedIn);
    expect(Math.max(...waits)).toBeLessThanOrEqual(1_000);
    expect(Math.min(...waits)).toBeGreaterThan(0);
  });

  it('is settled by what was really used, also into debt', async () => {
    const { redis, replicas } = await cluster(2);
    const [one, other] = replicas.map((replica) => replica.get(ClusterLimits));
    expect(await one!.take('openai', 1_000, 6_000)).toEqual({ ok: true, cooldownMs: 0 });
    one!.settle('openai', 11_000);
    // Answered after it, on the same connection.
    await one!.take('other', 1, 6_000);

    const answer = await other!.take('openai', 1_000, 6_000);

    expect(answer.ok).toBe(false);
    expect((answer as { waitMs: number }).waitMs).toBeGreaterThan(65_000);
    expect((answer as { waitMs: number }).waitMs).toBeLessThanOrEqual(70_000);
    const client = new Redis(redis.url);
    undo.push(() => client.disconnect());
    expect(await client.pttl('{nr:limits}:t:openai')).toBeGreaterThan(100_000);
  });

  it('admits more than a minute has by a full bucket', async () => {
    const { replicas } = await cluster(1);
    const limits = replicas[0]!.get(ClusterLimits);

    expect((await limits.take('openai', 9_000, 6_000)).ok).toBe(true);
    expect((await limits.take('openai', 1, 6_000)).ok).toBe(false);
  });

  it('tells everybody that a target asked to be left alone, and the longer time holds', async () => {
    const { replicas } = await cluster(2);
    const [one, other] = replicas.map((replica) => replica.get(ClusterLimits));
    const told = new Promise((resolve) => other!.onCool((target, ms) => resolve([target, ms])));

    one!.cool('openai', 30_000);
    expect(await told).toEqual(['openai', 30_000]);
    one!.cool('openai', 1_000);

    const answer = await other!.take('openai', 1, 6_000);
    expect(answer).toMatchObject({ ok: true });
    expect((answer as { cooldownMs: number }).cooldownMs).toBeGreaterThan(20_000);
  });

  it('is a share for each while Redis is frozen, and none of it is given twice', async () => {
    const { redis, replicas, clock } = await cluster();
    await allKnown(replicas, clock);
    const before = (await takeAll(replicas, 100, 5)).taken;
    freeze(redis.child);

    const { taken, waits } = await takeAll(replicas.slice(0, 1), 100, 25);

    expect(before).toBe(1_500);
    // Of 2,000 a replica it took 500 before.
    expect(taken).toBe(1_500);
    expect(waits[0]).toBe(3_000);
  });
});

describe('LlmModule', () => {
  it('finds limits and lease under its own tokens', async () => {
    const { replicas } = await cluster(1);
    const limits: SharedLimits = replicas[0]!.get(ClusterLimits);
    const lease: ClusterLease = replicas[0]!.get(ClusterLeases);

    expect(replicas[0]!.get(LLM_SHARED_LIMITS)).toBe(limits);
    expect(replicas[0]!.get(LLM_CLUSTER_LEASE)).toBe(lease);
  });
});

describe('A leader among replicas', () => {
  it('is one, and stays it while it asks in time', async () => {
    const { redis, replicas } = await cluster();
    const ask = (ttlMs: number) =>
      Promise.all(replicas.map((replica) => replica.get(ClusterLeases).lead('retention', ttlMs)));

    expect([await ask(60_000), await ask(60_000)]).toEqual([
      [true, false, false],
      [true, false, false],
    ]);
    const client = new Redis(redis.url);
    undo.push(() => client.disconnect());
    expect(await client.get('{nr:leases}:retention')).toBe('r0');
    await client.del('{nr:leases}:retention');

    expect(await replicas[2]!.get(ClusterLeases).lead('retention', 60_000)).toBe(true);
  });

  it('is everybody for checks and nobody for what acts, while Redis is frozen', async () => {
    const { redis, replicas } = await cluster(2);
    freeze(redis.child);
    const ask = (name: string) => Promise.all(replicas.map((replica) => replica.get(ClusterLeases).lead(name, 1_000)));

    expect([await ask('checks'), await ask('auto-redrive')]).toEqual([
      [true, true],
      [false, false],
    ]);
  });
});
