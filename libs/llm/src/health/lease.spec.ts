import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ResilienceModule } from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';
import { Global, Module } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { json, startVendor, type Vendor } from '../../test/vendor.fixture.js';
import { type ClusterLease, LLM_CLUSTER_LEASE } from '../chain/shared-limits.js';
import { LlmModule } from '../llm.module.js';
import { LlmConnectivityChecker } from './connectivity.checker.js';

/** What a package that keeps leases for all replicas would provide. */
class OneLeader implements ClusterLease {
  readonly asked: [string, number][] = [];
  answer: () => Promise<boolean> = () => Promise.resolve(false);

  lead(name: string, ttlMs: number): Promise<boolean> {
    this.asked.push([name, ttlMs]);
    return this.answer();
  }
}

describe('checks of which one replica of many is the leader', () => {
  const clock = new FakeClock();
  let vendor: Vendor;
  let app: TestingModule;
  let lease: OneLeader;

  beforeEach(async () => {
    vendor = await startVendor(json(200, { object: 'list', data: [{ id: 'm', object: 'model' }] }));
    lease = new OneLeader();
  });
  afterEach(async () => {
    await app.close();
    await vendor.close();
  });

  async function start(): Promise<LlmConnectivityChecker> {
    @Global()
    @Module({ providers: [{ provide: LLM_CLUSTER_LEASE, useValue: lease }], exports: [LLM_CLUSTER_LEASE] })
    class Leases {}
    app = await Test.createTestingModule({
      imports: [
        Leases,
        ResilienceModule.forRoot({ clock, random: () => 0.5 }),
        LlmModule.forRoot({
          health: { interval: '1m' },
          providers: [{ name: 'a', kind: 'openai', apiKey: 'k', model: 'm', baseURL: vendor.baseURL }],
        }),
      ],
    }).compile();
    await app.init();
    return app.get(LlmConnectivityChecker);
  }

  /** Lets a round come to its end, which asks a real server. */
  async function round(checker: LlmConnectivityChecker, requests: number): Promise<void> {
    while (vendor.asked.length < requests) await new Promise((resolve) => setImmediate(resolve));
    await checker.run();
  }

  it('are made by the leader at each interval', async () => {
    lease.answer = () => Promise.resolve(true);
    const checker = await start();
    await round(checker, 1);
    const before = vendor.asked.length;

    await clock.advance('1m');
    await round(checker, before + 1);

    expect(checker.last()).toMatchObject([{ status: 'up', source: 'check' }]);
    expect(lease.asked.every(([name, ttlMs]) => name === 'checks' && ttlMs === 180_000)).toBe(true);
  });

  it('are made by another one only for what it has not heard of for three intervals', async () => {
    const checker = await start();
    await round(checker, 1);
    const known = vendor.asked.length;

    for (let minute = 0; minute < 3; minute++) await clock.advance('1m');
    expect(vendor.asked).toHaveLength(known);

    await clock.advance('1m');
    await round(checker, known + 1);
    expect(checker.last()).toMatchObject([{ status: 'up' }]);
  });

  it('are made by each for itself while nobody answers', async () => {
    lease.answer = () => Promise.reject(new Error('the lease is away'));

    await round(await start(), 1);

    expect(vendor.asked.length).toBeGreaterThan(0);
  });
});
