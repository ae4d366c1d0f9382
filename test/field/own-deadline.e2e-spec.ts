import { createServer, get, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  Attempt,
  type AttemptContext,
  CircuitBreaker,
  createPolicy,
  ResilienceModule,
  ResilienceService,
  Retry,
} from '@nest-resilience/core';
import { Injectable } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import OpenAI from 'openai';
import { lastValueFrom, Observable } from 'rxjs';

/** Told when a request has arrived that will never be answered: what a user's timer or click would do, without the time. */
let onRequest: () => void = () => undefined;
let url: string;

/** A deadline of the method's own: the caller knows nothing of it. */
function deadline(): AbortSignal {
  const controller = new AbortController();
  onRequest = () => controller.abort();
  return controller.signal;
}

/** Node's own client, which reports an abort by an error of its own. */
function nodeGet(signal: AbortSignal | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { signal, agent: false }, () => resolve('answered')).on('error', reject);
  });
}

const RETRIED = { maxRetries: 2, strategy: 'immediate', budget: false } as const;
const CIRCUIT = { failureThreshold: 100, recoveryTimeout: '1m' } as const;

@Injectable()
class Hanging {
  @Retry(RETRIED)
  @CircuitBreaker({ ...CIRCUIT, name: 'fetch' })
  async fetch(signal: AbortSignal = deadline()): Promise<Response> {
    return fetch(url, { signal });
  }

  @CircuitBreaker({ ...CIRCUIT, name: 'circuit-only' })
  async circuitOnly(signal: AbortSignal = deadline()): Promise<string> {
    return nodeGet(signal);
  }

  @Retry(RETRIED)
  @CircuitBreaker({ ...CIRCUIT, name: 'attempt' })
  async attempt(options?: { signal: AbortSignal }, @Attempt() attempt?: AttemptContext): Promise<string> {
    return nodeGet(options === undefined ? deadline() : attempt?.signal);
  }

  @Retry(RETRIED)
  @CircuitBreaker({ ...CIRCUIT, name: 'openai' })
  async openai(signal: AbortSignal = deadline()): Promise<unknown> {
    return new OpenAI({ apiKey: 'k', baseURL: url, maxRetries: 0 }).models.list({ signal });
  }

  @Retry(RETRIED)
  @CircuitBreaker({ ...CIRCUIT, name: 'observable' })
  observable(signal: AbortSignal = deadline()): Observable<string> {
    return new Observable((subscriber) => {
      nodeGet(signal).then(
        (value) => subscriber.next(value),
        (error: unknown) => subscriber.error(error),
      );
    });
  }

  @Retry(RETRIED)
  @CircuitBreaker({ ...CIRCUIT, name: 'iterable' })
  async *iterable(signal: AbortSignal = deadline()): AsyncGenerator<string> {
    yield await nodeGet(signal);
  }
}

type Run = (hanging: Hanging, signal?: AbortSignal) => Promise<unknown>;

async function drain(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items);
}

describe('a deadline of the method’s own', () => {
  let server: Server;
  let requests: number;
  let app: TestingModule;
  let hanging: Hanging;

  beforeEach(async () => {
    requests = 0;
    server = createServer(() => {
      requests++;
      onRequest();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    app = await Test.createTestingModule({ imports: [ResilienceModule.forRoot()], providers: [Hanging] }).compile();
    await app.init();
    hanging = app.get(Hanging);
  });

  afterEach(async () => {
    await app.close();
    server.closeAllConnections();
    server.close();
  });

  const failuresOf = (circuit: string) => app.get(ResilienceService).circuit(circuit).snapshot().failures;

  const lanes: [lane: string, retried: boolean, run: Run][] = [
    ['fetch', true, (h, signal) => h.fetch(signal)],
    ['circuit-only', false, (h, signal) => h.circuitOnly(signal)],
    ['attempt', true, (h, signal) => h.attempt(signal && { signal })],
    ['openai', true, (h, signal) => h.openai(signal)],
    ['observable', true, (h, signal) => lastValueFrom(h.observable(signal))],
    ['iterable', true, (h, signal) => drain(h.iterable(signal))],
  ];

  it.each(lanes)('%s: is retried and counted like a timeout', async (lane, retried, run) => {
    await expect(run(hanging)).rejects.toThrow(/abort/i);

    const attempts = retried ? 3 : 1;
    expect({ requests, failures: failuresOf(lane) }).toEqual({ requests: attempts, failures: attempts });
  });

  it.each(lanes)('%s: an abort by the caller is neither', async (lane, _retried, run) => {
    const caller = new AbortController();
    onRequest = () => caller.abort();

    await expect(run(hanging, caller.signal)).rejects.toThrow(/abort/i);

    expect({ requests, failures: failuresOf(lane) }).toEqual({ requests: 1, failures: 0 });
  });

  it('opens the circuit of a policy without decorators', async () => {
    const policy = createPolicy({ name: 'dead', circuitBreaker: { failureThreshold: 2 } });

    for (let call = 0; call < 2; call++) await policy.execute(() => fetch(url, { signal: deadline() })).catch(() => 0);

    await expect(policy.execute(async () => 1)).rejects.toMatchObject({ code: 'RESILIENCE_CIRCUIT_OPEN' });
  });

  it('leaves the circuit of a policy alone when the caller gave up', async () => {
    const policy = createPolicy({ name: 'left', circuitBreaker: { failureThreshold: 1 } });
    const caller = new AbortController();
    onRequest = () => caller.abort();

    await policy.execute(({ signal }) => nodeGet(signal), { signal: caller.signal }).catch(() => 0);

    await expect(policy.execute(async () => 1)).resolves.toBe(1);
  });
});
