import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  type INestApplication,
  Injectable,
  Logger,
  Module,
} from '@nestjs/common';
import { Test } from '@nestjs/testing';
import request from 'supertest';
import type { App } from 'supertest/types.js';
import { ResilienceModule } from '../nest/resilience.module.js';
import { ResilienceService } from '../nest/resilience.service.js';
import { AdminModule, type AdminModuleOptions, AdminRoute, DEFAULT_ADMIN_MODULE_OPTIONS } from './index.js';

const TOKEN = 'a-token-of-decent-length';

@Injectable()
class Operators {
  readonly names = ['ada'];
}

@Module({ providers: [Operators], exports: [Operators] })
class OperatorsModule {}

@Injectable()
class OperatorGuard implements CanActivate {
  constructor(private readonly operators: Operators) {}

  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string> }>();
    return this.operators.names.includes(headers['x-user'] ?? '');
  }
}

@Controller('vault')
class VaultController {
  @Get('secret')
  @AdminRoute()
  secret() {
    return { secret: 42 };
  }

  @Get('public')
  public() {
    return { secret: 0 };
  }
}

describe('AdminController', () => {
  let app: INestApplication<App>;
  let log: ReturnType<typeof jest.spyOn>;
  let warn: ReturnType<typeof jest.spyOn>;

  beforeEach(() => {
    Logger.overrideLogger(false);
    log = jest.spyOn(Logger.prototype, 'log');
    warn = jest.spyOn(Logger.prototype, 'warn');
  });

  afterEach(async () => {
    await app?.close();
    jest.restoreAllMocks();
  });

  const logged = () => (log.mock.calls as unknown[][]).map(([message]) => String(message));
  const start = async (options?: AdminModuleOptions) => {
    const imports = [ResilienceModule.forRoot(), AdminModule.forRoot(options)];
    const testing = await Test.createTestingModule({ imports, controllers: [VaultController] }).compile();
    app = testing.createNestApplication({ logger: false });
    await app.init();
    const resilience = app.get(ResilienceService);
    await resilience.policy({ name: 'Orders.charge', circuitBreaker: {} }).execute(() => 'paid');
    const keyed = resilience.policy({ name: 'Llm.ask', circuitBreaker: { key: () => 'tenant-7' } });
    await keyed.execute(() => 'hi');
    return resilience;
  };
  const http = () => request(app.getHttpServer());
  const post = (path: string, authorization = `Bearer ${TOKEN}`) =>
    http().post(path).set('authorization', authorization);

  it('shows figures to everybody, without keys', async () => {
    await start();

    const circuits = await http().get('/resilience/circuits').expect(200);
    const metrics = await http().get('/resilience/metrics').expect(200);

    expect(circuits.body).toEqual([
      expect.objectContaining({ name: 'Orders.charge', state: 'closed', calls: 1, notPermitted: 0 }),
      expect.objectContaining({ name: 'Llm.ask[#1]', state: 'closed' }),
    ]);
    expect(metrics.body).toMatchObject({
      methods: {
        'Orders.charge': { total: 1, successful: 1, failed: 0, successRate: 1, retryRate: 0, averageAttempts: 1 },
      },
      circuits: { 'Orders.charge': { state: 'closed' }, 'Llm.ask[#1]': { state: 'closed' } },
      deadLetters: { size: 0, byQueue: {} },
    });
    expect(circuits.text + metrics.text).not.toContain('tenant');
  });

  it('is closed until the application says who may use it', async () => {
    const resilience = await start();

    const answer = await post('/resilience/circuits/Orders.charge/open').expect(403);

    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(answer.body).toEqual({
      type: 'urn:nest-resilience:problem:resilience-admin-closed',
      title: 'Forbidden',
      status: 403,
      code: 'RESILIENCE_ADMIN_CLOSED',
      detail: expect.stringContaining('Open it with AdminModule.forRoot({ token })'),
    });
    expect(resilience.circuit('Orders.charge').state).toBe('closed');
  });

  it('stays closed when the token is missing from the environment', async () => {
    await start({ token: undefined });

    await post('/resilience/circuits/Orders.charge/open', 'Bearer undefined').expect(403);
    expect(() => AdminModule.forRoot({ token: '' })).toThrow(
      /AdminModule > token: got '', expected a string that is not empty/,
    );
  });

  it.each(['', 'Bearer', 'Bearer wrong', `Basic ${TOKEN}`, TOKEN, `Bearer ${TOKEN}x`, `Bearer ${TOKEN} x`])(
    'refuses the authorization %p',
    async (authorization) => {
      const resilience = await start({ token: TOKEN });

      const answer = await post('/resilience/circuits/Orders.charge/open', authorization).expect(401);

      expect(answer.headers['www-authenticate']).toBe('Bearer realm="resilience"');
      expect(answer.headers['content-type']).toContain('application/problem+json');
      expect(answer.body.code).toBe('RESILIENCE_ADMIN_UNAUTHORIZED');
      expect(answer.text).not.toContain(TOKEN);
      expect(resilience.circuit('Orders.charge').state).toBe('closed');
    },
  );

  it('switches a circuit for whoever has the token', async () => {
    const resilience = await start({ token: TOKEN });

    for (const [action, state] of [
      ['open', 'forced_open'],
      ['close', 'closed'],
      ['disable', 'disabled'],
      ['metrics-only', 'metrics_only'],
      ['reset', 'closed'],
    ]) {
      const answer = await post(`/resilience/circuits/Orders.charge/${action}`).expect(200);

      expect(answer.body).toMatchObject({ name: 'Orders.charge', state });
      expect(resilience.circuit('Orders.charge').state).toBe(state);
    }
    await post('/resilience/circuits/Orders.charge/explode').expect(404);
  });

  it('opens a circuit for a time, and says what is none', async () => {
    await start({ token: TOKEN });

    const answer = await post('/resilience/circuits/Orders.charge/open').send({ for: '5m' }).expect(200);
    expect(answer.body).toMatchObject({ state: 'open', retryAfterMs: expect.closeTo(300_000, -4) });

    const refused = await post('/resilience/circuits/Orders.charge/open').send({ for: 'soon' }).expect(400);
    expect(refused.body.detail).toBe("for: got 'soon', expected a duration >= 0 such as 500 (milliseconds) or '30s'");
    await post('/resilience/circuits/Orders.charge/open').send({ until: 'soon' }).expect(400);
  });

  it('finds a keyed circuit by its key and by the name in the list', async () => {
    const resilience = await start({ token: TOKEN });

    await post(`/resilience/circuits/${encodeURIComponent('Llm.ask[tenant-7]')}/open`).expect(200);
    expect(resilience.circuit('Llm.ask[tenant-7]').state).toBe('forced_open');
    await post(`/resilience/circuits/${encodeURIComponent('Llm.ask[#1]')}/reset`).expect(200);

    expect(resilience.circuit('Llm.ask[tenant-7]').state).toBe('closed');
  });

  it('names the nearest circuit when there is none of the name', async () => {
    await start({ token: TOKEN });

    const answer = await post('/resilience/circuits/Orders.chrage/open').expect(404);

    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.body).toMatchObject({
      status: 404,
      code: 'RESILIENCE_UNKNOWN_CIRCUIT',
      detail: expect.stringContaining("did you mean 'Orders.charge'?"),
    });
  });

  it('asks a guard of the application, with its dependencies', async () => {
    await start({ guard: OperatorGuard, imports: [OperatorsModule] });

    await http().post('/resilience/circuits/Orders.charge/open').set('x-user', 'eve').expect(403);
    await http().post('/resilience/circuits/Orders.charge/open').set('x-user', 'ada').expect(200);
  });

  it('closes the dead letters and every other admin route in the same way', async () => {
    await start({ token: TOKEN });

    await http().get('/dead-letters').expect(401);
    await http().get('/dead-letters').set('authorization', `Bearer ${TOKEN}`).expect(200);
    await http().get('/vault/secret').expect(401);
    await http().get('/vault/secret').set('authorization', `Bearer ${TOKEN}`).expect(200);
    await http().get('/vault/public').expect(200);
  });

  it.each([
    [undefined, 'Closed to everybody, until AdminModule.forRoot({ token }) or ({ guard }) opens them: '],
    [{ token: TOKEN }, 'Open to whoever has the token: '],
  ])('says at boot who may use what (%p)', async (options, beginning) => {
    await start(options);

    const line = logged().find((message) => message.startsWith(beginning));
    expect(line).toContain('POST /resilience/circuits/:name/open');
    expect(line).toContain('GET /vault/secret');
    expect(line).toContain('GET /dead-letters');
    expect(line).not.toContain('GET /resilience/circuits,');
    expect(line).not.toContain(TOKEN);
  });

  it('warns of a token that can be guessed, without showing it', async () => {
    await start({ token: 'hunter2' });

    expect(warn).toHaveBeenCalledWith('The admin token has 7 characters, which can be guessed: use 16 or more');
  });

  it('pins its defaults and refuses a token beside a guard', () => {
    expect(DEFAULT_ADMIN_MODULE_OPTIONS).toEqual({ token: undefined, guard: undefined, events: true, isGlobal: true });
    expect(() => AdminModule.forRoot({ token: TOKEN, guard: OperatorGuard })).toThrow(/either a token or a guard/);
  });
});

describe('AdminRoute without AdminModule', () => {
  it('is closed', async () => {
    const testing = await Test.createTestingModule({ controllers: [VaultController] }).compile();
    const app = testing.createNestApplication<INestApplication<App>>({ logger: false });
    await app.init();

    const answer = await request(app.getHttpServer()).get('/vault/secret').expect(403);
    await app.close();

    expect(answer.body.code).toBe('RESILIENCE_ADMIN_CLOSED');
  });
});
