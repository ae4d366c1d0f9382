import { afterEach, describe, expect, it } from '@jest/globals';
import { ResilienceModule } from '@nest-resilience/core';
import { AdminModule } from '@nest-resilience/core/admin';
import { FakeClock } from '@nest-resilience/core/testing';
import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { Test } from '@nestjs/testing';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { AddressInfo } from 'node:net';
import { type OneVendor, refusing, saying, startOneVendor } from '../../test/one-vendor.fixture.js';
import { LlmModule } from '../llm.module.js';
import { LlmService } from '../llm.service.js';

const TOKEN = 'a-token-for-tests-only';
const clock = new FakeClock();

describe('GET /llm/targets', () => {
  let app: INestApplication;
  const vendors: OneVendor[] = [];
  afterEach(async () => {
    await app.close();
    await Promise.all(vendors.splice(0).map((vendor) => vendor.close()));
  });

  async function start(...answers: Parameters<typeof startOneVendor>[0][]): Promise<void> {
    vendors.push(...(await Promise.all(answers.map(startOneVendor))));
    const providers = vendors.map(({ baseURL }, index) => ({
      ...{ name: `p${index}`, kind: 'openai-compatible' as const, model: 'm', baseURL },
      ...{ limits: { requestsPerMinute: 10 }, cost: { inputPerMillion: 1, outputPerMillion: 1 } },
    }));
    const module = await Test.createTestingModule({
      imports: [
        ResilienceModule.forRoot({ clock, random: () => 0 }),
        AdminModule.forRoot({ token: TOKEN }),
        LlmModule.forRoot({ providers, retry: false, health: { enabled: false } }),
      ],
    }).compile();
    app = module.createNestApplication({ logger: false });
    await app.listen(0, '127.0.0.1');
  }

  const get = (headers = { authorization: `Bearer ${TOKEN}` }) => {
    const { port } = app.getHttpServer().address() as AddressInfo;
    return fetch(`http://127.0.0.1:${port}/llm/targets`, { headers });
  };

  it('tells operators who is asked, and how each stands', async () => {
    await start(refusing(429, 'slow', { 'retry-after': '60' }), saying('Hi'));
    await app.get(LlmService).complete({ prompt: 'hello' });
    await clock.advance('10m');
    await app.get(LlmService).complete({ prompt: 'hello' });

    const targets = (await (await get()).json()) as object[];

    expect(targets).toMatchObject([
      {
        ...{ provider: 'p0', order: 0, state: 'cooling', circuit: 'closed', inFlight: 0 },
        health: { status: 'degraded', reason: 'rate_limit' },
        cooldown: { reason: 'rate_limit', forMs: 60_000 },
        room: { requests: 9 },
        recent: { '5m': { served: 0, failed: 1 }, '1h': { failed: 2 }, '24h': { failed: 2 } },
      },
      { provider: 'p1', order: 1, state: 'closed', health: { status: 'up' }, recent: { '5m': { served: 1 }, '1h': { served: 2 } } },
    ]); // prettier-ignore
  });

  it('tells nobody else', async () => {
    await start(saying('Hi'));

    expect((await get({ authorization: 'Bearer nobody' })).status).toBe(401);
  });

  it('answers as it is described', async () => {
    await start(refusing(404, 'gone'), saying('Hi'));
    await app.get(LlmService).complete({ prompt: 'hello' });
    const { paths } = SwaggerModule.createDocument(app, new DocumentBuilder().build());
    const responses = (paths['/llm/targets']?.get?.responses ?? {}) as Record<
      string,
      { content?: Record<string, { schema: object }> }
    >;

    expect(Object.keys(responses).sort()).toEqual(['200', '401']);
    const validate = new Ajv2020({ strict: false }).compile(
      responses['200']?.content?.['application/json']?.schema ?? false,
    );
    expect([validate(await (await get()).json()), validate.errors]).toEqual([true, null]);
  });
});
