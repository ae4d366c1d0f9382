import 'reflect-metadata';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Controller, Get, type INestApplication, Logger, Param, ServiceUnavailableException } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import request from 'supertest';
import {
  BulkheadFullError,
  CircuitOpenError,
  RateLimitError,
  ResilienceError,
  ResilienceModule,
  ShutdownError,
  TimeoutError,
} from '@nest-resilience/core';
import { WorkflowModule } from '../workflow.module.js';
import { ProblemFilter } from './problem.filter.js';

const ERRORS: Record<string, () => Error> = {
  circuit: () => new CircuitOpenError('stock', 'open', 1_200),
  bulkhead: () => new BulkheadFullError('Stock.ask', 1, 0),
  rate: () => new RateLimitError('Stock.ask', 1, 60_000, 2_500),
  timeout: () => new TimeoutError('Stock.ask', 'total', 5),
  shutdown: () => new ShutdownError('Stock.ask'),
  health: () => new ServiceUnavailableException({ status: 'error', details: {} }),
  unknown: () => new Error('the password is swordfish'),
  ours: () => new ResilienceError('what nobody thought of', 'RESILIENCE_OPTIONS', 'Stock.ask'),
};

@Controller()
class Failing {
  @Get('fail/:how')
  fail(@Param('how') how: string): never {
    throw ERRORS[how]!();
  }
}

let app: INestApplication;
let logged: ReturnType<typeof jest.spyOn>;

beforeEach(async () => {
  const module = await Test.createTestingModule({
    imports: [ResilienceModule.forRoot(), WorkflowModule.forRoot({})],
    controllers: [Failing],
  }).compile();
  app = module.createNestApplication({ logger: false });
  app.useGlobalFilters(app.get(ProblemFilter, { strict: false }));
  await app.init();
  logged = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
});

afterEach(async () => {
  jest.restoreAllMocks();
  await app.close();
});

describe('The filter for the whole application', () => {
  it.each([
    ['circuit', 503, 'RESILIENCE_CIRCUIT_OPEN', '2'],
    ['bulkhead', 503, 'RESILIENCE_BULKHEAD_FULL', '1'],
    ['rate', 429, 'RESILIENCE_RATE_LIMITED', '3'],
    ['timeout', 504, 'RESILIENCE_TIMEOUT', undefined],
    ['shutdown', 503, 'RESILIENCE_SHUTDOWN', '1'],
    ['health', 503, 'HTTP_503', undefined],
  ])('answers what is no fault of the server, and logs nothing: %s', async (how, status, code, retryAfter) => {
    const { headers, body } = await request(app.getHttpServer()).get(`/fail/${how}`).expect(status);

    expect(body).toMatchObject({ status, code });
    expect(headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(headers['retry-after']).toBe(retryAfter);
    expect(logged).not.toHaveBeenCalled();
  });

  it.each(['unknown', 'ours'])('logs what nobody expected: %s', async (how) => {
    const { body } = await request(app.getHttpServer()).get(`/fail/${how}`).expect(500);

    expect(JSON.stringify(body)).not.toContain('swordfish');
    expect(logged).toHaveBeenCalledTimes(1);
  });
});
