import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { context, type Histogram, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';

import type { CallFacts, CallSpan } from '../engine/tracing.js';
import { FakeClock } from '../testing/fake-clock.js';
import { TimeoutError } from '../timeout/timeout.errors.js';
import { OpenTelemetryTracer } from './opentelemetry.tracer.js';

const successful = { outcome: 'successful' } as const;
const failed = (error: unknown) => ({ outcome: 'failed', error }) as const;
const facts = (given: Partial<CallFacts> = {}): CallFacts => ({
  attempts: 1,
  answeredBy: 'method',
  fallbackLevel: 0,
  ...given,
});

describe('OpenTelemetryTracer', () => {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const application = provider.getTracer('application');
  const clock = new FakeClock();
  let recorded: unknown[][];
  let tracer: OpenTelemetryTracer;

  beforeAll(() => void context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()));
  afterAll(() => context.disable());

  beforeEach(() => {
    exporter.reset();
    recorded = [];
    const durations = { record: (...args: unknown[]) => recorded.push(args) } as unknown as Histogram;
    tracer = new OpenTelemetryTracer({ tracer: provider.getTracer('core'), clock, durations });
  });

  /** By name; there is one of each in these tests, or the last one counts. */
  const spans = (): ReadableSpan[] => exporter.getFinishedSpans();
  const span = (name: string): ReadableSpan => {
    const found = spans().findLast((one) => one.name === name);
    if (found === undefined)
      throw new Error(
        `no span '${name}', but ${spans()
          .map((one) => one.name)
          .join(', ')}`,
      );
    return found;
  };
  const parentOf = (name: string): string | undefined => span(name).parentSpanContext?.spanId;
  const idOf = (name: string): string => span(name).spanContext().spanId;
  const start = (policy = 'Orders.charge'): CallSpan => tracer.callStarted({ policy });

  it('a call is a child of what its caller does, and an attempt one of the call', () => {
    application.startActiveSpan('request', (request) => {
      const call = start();
      const attempt = call.attemptStarted(1);
      attempt.end(successful);
      call.end(successful, facts());
      request.end();
    });

    expect(parentOf('Orders.charge')).toBe(idOf('request'));
    expect(parentOf('Orders.charge attempt')).toBe(idOf('Orders.charge'));
    expect(span('Orders.charge').attributes).toEqual({
      'resilience.policy': 'Orders.charge',
      'resilience.outcome': 'successful',
      'resilience.attempts': 1,
      'resilience.answered_by': 'method',
    });
    expect(span('Orders.charge attempt').attributes).toEqual({
      'resilience.policy': 'Orders.charge',
      'resilience.attempt.number': 1,
      'resilience.outcome': 'successful',
    });
  });

  it('what the method does belongs to its attempt, also after it awaited something', async () => {
    const call = start();
    const attempt = call.attemptStarted(1);

    await attempt.run(async () => {
      await Promise.resolve();
      application.startSpan('query').end();
    });
    attempt.end(successful);
    call.end(successful, facts());

    expect(parentOf('query')).toBe(idOf('Orders.charge attempt'));
  });

  it('what a fallback does belongs to the call', () => {
    const call = start();

    const answer = call.run(() => {
      application.startSpan('read from cache').end();
      return 'rescued';
    });
    call.end(successful, facts({ answeredBy: 'fallback', fallbackLevel: 2 }));

    expect(answer).toBe('rescued');
    expect(parentOf('read from cache')).toBe(idOf('Orders.charge'));
    expect(span('Orders.charge').attributes).toMatchObject({
      'resilience.answered_by': 'fallback',
      'resilience.fallback.level': 2,
    });
  });

  it('nothing of it is left in the context of the caller', () => {
    const call = start();
    call.attemptStarted(1).run(() => undefined);

    expect(trace.getActiveSpan()).toBeUndefined();
  });

  it('a failed attempt of a call that succeeded is the only one in error, with its exception', () => {
    const call = start();
    call.attemptStarted(1).end(failed(new TypeError('socket closed')));
    const attempt = call.attemptStarted(2);
    attempt.end(successful);
    call.end(successful, facts({ attempts: 2 }));

    const [first, second] = spans();
    expect(first?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'socket closed' });
    expect(first?.attributes).toMatchObject({ 'resilience.attempt.number': 1, 'error.type': 'TypeError' });
    expect(first?.events).toMatchObject([{ name: 'exception', attributes: { 'exception.message': 'socket closed' } }]);
    expect(second?.status.code).toBe(SpanStatusCode.UNSET);
    expect(span('Orders.charge').status.code).toBe(SpanStatusCode.UNSET);
    expect(span('Orders.charge').attributes['resilience.attempts']).toBe(2);
  });

  it.each<[string, unknown, string, string]>([
    [
      'an error of ours by its code',
      new TimeoutError('Orders.charge', 'total', 5),
      'RESILIENCE_TIMEOUT',
      'longer than 5 ms',
    ],
    [
      'one of Node by its code',
      Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }),
      'ECONNREFUSED',
      'refused',
    ],
    ['any other by its class', new RangeError('too far'), 'RangeError', 'too far'],
    ['what is no error by its type', 'just a text', 'string', 'just a text'],
  ])('a failed call says why: %s', (_, error, type, message) => {
    start().end(failed(error), facts({ attempts: 0 }));

    const { attributes, status, events } = span('Orders.charge');
    expect(attributes).toMatchObject({ 'resilience.outcome': 'failed', 'error.type': type });
    expect(attributes).not.toHaveProperty(['resilience.answered_by']);
    expect(status).toMatchObject({ code: SpanStatusCode.ERROR, message: expect.stringContaining(message) });
    expect(events).toEqual([]);
  });

  it('what was cancelled is no error', () => {
    const call = start();
    call.attemptStarted(1).end({ outcome: 'cancelled' });
    call.end({ outcome: 'cancelled' }, facts());

    expect(spans().map(({ status }) => status.code)).toEqual([SpanStatusCode.UNSET, SpanStatusCode.UNSET]);
    expect(span('Orders.charge').attributes['resilience.outcome']).toBe('cancelled');
  });

  it('records the seconds of whole calls, in the context of their spans', async () => {
    const call = start();
    await clock.advance(1_500);
    call.end(failed(new TypeError('no')), facts());

    const attributes = {
      'resilience.policy': 'Orders.charge',
      'resilience.outcome': 'failed',
      'error.type': 'TypeError',
    };
    expect(recorded).toEqual([[1.5, attributes, expect.anything()]]);
    expect(trace.getSpan(recorded[0]?.[2] as never)?.spanContext().spanId).toBe(idOf('Orders.charge'));
  });

  it('without an SDK everything runs all the same', () => {
    const silent = new OpenTelemetryTracer({ tracer: trace.getTracer('none'), clock, durations: undefined });
    const call = silent.callStarted({ policy: 'Orders.charge' });
    const attempt = call.attemptStarted(1);

    expect(attempt.run(() => 'answered')).toBe('answered');
    attempt.end(failed(undefined));
    call.end(failed(undefined), facts());
    expect(spans()).toEqual([]);
  });
});
