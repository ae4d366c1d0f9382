import 'reflect-metadata';

import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, type INestApplication, Param } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Bulkhead, Cache, Hedge, RateLimit, ResilienceModule } from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';
import request from 'supertest';

import { until } from '../contract/lane.js';

@Controller('limits')
class LimitsController {
  calls = 0;
  release: (() => void)[] = [];

  @Get('crowded')
  @Bulkhead(1)
  async crowded(): Promise<string> {
    this.calls++;
    await new Promise<void>((resolve) => this.release.push(resolve));
    return 'done';
  }

  @Get('slow/:tenant')
  @RateLimit({ limit: 1, interval: '1m', key: (tenant: string) => tenant })
  slow(@Param('tenant') tenant: string): string {
    this.calls++;
    return tenant;
  }

  @Get('cached/:sku')
  @Cache({ ttl: '1m', staleIfError: '10m' })
  async cached(@Param('sku') sku: string): Promise<string> {
    if (++this.calls > 1) throw new Error('down');
    return `${sku} ${this.calls}`;
  }

  @Get('hedged')
  @Hedge('1s')
  async hedged(): Promise<number> {
    const call = ++this.calls;
    if (call === 1) await new Promise(() => undefined);
    return call;
  }
}

describe('Limits of an HTTP handler', () => {
  let app: INestApplication;
  let clock: FakeClock;
  let limits: LimitsController;

  afterEach(() => app.close());

  const serve = async (): Promise<void> => {
    clock = new FakeClock();
    const imports = [ResilienceModule.forRoot({ clock })];
    app = (
      await Test.createTestingModule({ imports, controllers: [LimitsController] }).compile()
    ).createNestApplication({
      logger: false,
    });
    await app.listen(0, '127.0.0.1');
    limits = app.get(LimitsController);
  };
  const get = (path: string) => request(app.getHttpServer() as never).get(`/limits/${path}`);

  it('a full bulkhead answers 503 with Retry-After, and has a place again when the one inside is done', async () => {
    await serve();
    const inside = get('crowded').then(({ text }) => text);
    await until(() => limits.release.length === 1);

    const refused = await get('crowded');
    limits.release[0]?.();
    await inside;
    const next = get('crowded').then(({ status }) => status);
    await until(() => limits.release.length === 2);
    limits.release[1]?.();

    expect(refused.status).toBe(503);
    expect(refused.headers).toMatchObject({
      'retry-after': '1',
      'content-type': expect.stringContaining('problem+json'),
    });
    expect(refused.body).toMatchObject({ code: 'RESILIENCE_BULKHEAD_FULL' });
    await expect(next).resolves.toBe(200);
  });

  it("too many requests of one tenant answer 429 with the seconds to wait; another tenant's go through", async () => {
    await serve();

    const first = await get('slow/a');
    await clock.advance('15s');
    const second = await get('slow/a');
    const other = await get('slow/b');

    expect([first.status, second.status, other.status]).toEqual([200, 429, 200]);
    expect(second.headers['retry-after']).toBe('45');
    expect(second.body).toMatchObject({ code: 'RESILIENCE_RATE_LIMITED' });
    expect(limits.calls).toBe(2);
  });

  it('a cached answer comes by argument, and in place of an error when it has expired', async () => {
    await serve();

    const texts: string[] = [];
    texts.push((await get('cached/a')).text, (await get('cached/a')).text);
    await clock.advance('2m');
    texts.push((await get('cached/a')).text);
    const other = await get('cached/b');

    expect(texts).toEqual(['a 1', 'a 1', 'a 1']);
    expect(other.status).toBe(500);
  });

  it('a handler that hangs is asked a second time', async () => {
    await serve();
    const answer = get('hedged').then(({ text }) => text);
    await until(() => limits.calls === 1);

    await clock.advance('1s');

    await expect(answer).resolves.toBe('2');
  });
});
