import 'reflect-metadata';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';

import { Fallback, ResilienceModule, Retry } from '../index.js';
import { TelemetryModule } from './index.js';

const exporter = new InMemorySpanExporter();
const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
const application = tracerProvider.getTracer('application');

@Injectable()
class Orders {
  failures = 0;

  @Retry({ maxRetries: 2, strategy: 'immediate' })
  async place(): Promise<string> {
    await Promise.resolve();
    application.startSpan('query').end();
    if (this.failures-- > 0) throw new TypeError('not yet');
    return 'placed';
  }

  @Fallback('instead')
  async price(): Promise<string> {
    return Promise.reject(new Error('down'));
  }

  instead(): string {
    application.startSpan('read from cache').end();
    return 'rescued';
  }
}

describe('Calls of an application that is traced', () => {
  let app: TestingModule;

  beforeAll(async () => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    app = await Test.createTestingModule({
      imports: [ResilienceModule.forRoot(), TelemetryModule.forRoot({ tracerProvider, metrics: false })],
      providers: [Orders],
    }).compile();
    await app.init();
  });

  afterAll(async () => {
    await app.close();
    context.disable();
  });

  beforeEach(() => exporter.reset());

  /** Each span under the name of its parent, in the order in which they ended. */
  const tree = (): string[] => {
    const spans = exporter.getFinishedSpans();
    const nameOf = (id: string | undefined) => spans.find((one) => one.spanContext().spanId === id)?.name ?? 'nothing';
    return spans.map((one) => `${nameOf(one.parentSpanContext?.spanId)} > ${one.name}`);
  };
  const attributesOf = (name: string): object =>
    exporter.getFinishedSpans().findLast((one) => one.name === name)?.attributes ?? {};

  it('has a span per attempt, and what the method does below it', async () => {
    const orders = app.get(Orders);
    orders.failures = 1;

    await orders.place();

    expect(tree()).toEqual([
      'Orders.place attempt > query',
      'Orders.place > Orders.place attempt',
      'Orders.place attempt > query',
      'Orders.place > Orders.place attempt',
      'nothing > Orders.place',
    ]);
    expect(attributesOf('Orders.place')).toMatchObject({
      'resilience.outcome': 'successful',
      'resilience.attempts': 2,
      'resilience.answered_by': 'method',
    });
  });

  it('has what a fallback does below the call', async () => {
    await app.get(Orders).price();

    expect(tree()).toContain('Orders.price > read from cache');
    expect(attributesOf('Orders.price')).toMatchObject({
      'resilience.outcome': 'successful',
      'resilience.answered_by': 'fallback',
      'resilience.fallback.level': 1,
    });
  });
});
