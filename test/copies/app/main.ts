import 'reflect-metadata';

import { createRequire } from 'node:module';

import {
  CircuitOpenError,
  DeadLetterService,
  ResilienceError,
  ResilienceModule,
  ResilienceService,
  Retry,
  Timeout,
} from '@nest-resilience/core';
import { type LoggerService, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

import * as shared from './shared/index.js';

/** Decorated by one copy, then by the other. */
class OwnClient extends shared.SharedClient {
  runs = 0;

  @Timeout('10s')
  @Retry({ maxRetries: 1, strategy: 'immediate', budget: false })
  async own(): Promise<string> {
    if (++this.runs < 2) throw new Error('not yet');
    return this.fetch();
  }
}

@Module({
  imports: [ResilienceModule.forRoot()],
  controllers: [shared.SharedController],
  providers: [shared.SharedClient, OwnClient],
})
class Root {}

const lines: string[] = [];
const note = (line: unknown): void => void lines.push(String(line));
const logger: LoggerService = { log: () => undefined, warn: note, error: () => undefined };

async function failure(run: () => Promise<unknown>): Promise<unknown> {
  return run().then(
    () => undefined,
    (error: unknown) => error,
  );
}

async function report(): Promise<object> {
  const app = await NestFactory.create(Root, { logger });
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const client = app.get(shared.SharedClient);
  const service = app.get(ResilienceService);
  const answers = async (path: string): Promise<object> => {
    const response = await fetch(`${url}/shared/${path}`);
    return { status: response.status, body: await response.json() };
  };

  const fetched = await failure(() => client.fetch());
  const lost = await failure(() => client.lose('7'));
  const seen = {
    calls: client.calls,
    failed: fetched instanceof Error ? fetched.message : undefined,
    lost: lost instanceof Error ? lost.message : undefined,
    own: await app.get(OwnClient).own().catch(String),
    retried: await answers('retried'),
    refused: [await answers('refused'), await answers('refused')],
    raised: await answers('raised'),
    methods: service.metrics().methods,
    deadLetters: (await app.get(DeadLetterService).list()).items.map(({ target }) => target),
    protected: service.policies().map(({ name }) => name),
  };
  for (const name of ['warehouse'] as const)
    if (service.circuits().some((circuit) => circuit.name === name)) service.circuit(name).open();
  const refusal = await failure(() => client.fetch());
  const own = new CircuitOpenError('mine', 'open', 0);
  await app.close();

  // A second application in this process has nothing new to say of the copies.
  await (await NestFactory.createApplicationContext(Root, { logger })).close();
  const required = createRequire(import.meta.url)('@nest-resilience/core') as { Retry: unknown };
  return {
    ...seen,
    lines,
    sameClass: (shared.CircuitOpenError as unknown) === CircuitOpenError,
    requiredIsImported: required.Retry === Retry,
    refusal: {
      circuitOpen: refusal instanceof shared.CircuitOpenError,
      resilience: refusal instanceof shared.ResilienceError,
      timeout: refusal instanceof shared.TimeoutError,
      ofTheUser: refusal instanceof shared.WarehouseClosedError,
    },
    theirs: {
      circuitOpen: new shared.WarehouseClosedError('theirs', 'open', 0) instanceof CircuitOpenError,
      resilience: new shared.TimeoutError('theirs', 'total', 1) instanceof ResilienceError,
      plain: new Error('theirs') instanceof ResilienceError,
      ofTheUser: own instanceof shared.WarehouseClosedError,
    },
  };
}

process.stdout.write(JSON.stringify(await report()));
