import { describe, expect, it } from '@jest/globals';
import type { FailedCall } from '../../engine/dead-letter-sink.js';
import { FakeClock } from '../../testing/fake-clock.js';
import { FailedCallCapture } from './capture.js';
import { uuidV7Source } from '../../engine/uuid-v7.js';
import { DEFAULT_DEAD_LETTER_OPTIONS } from '../dead-letter.options.js';

const classify = () => ({ kind: 'transient', reason: 'network', retryable: true, countsAsFailure: true }) as const;

function failedCall(change: Partial<FailedCall> = {}): FailedCall {
  return {
    target: 'OrderService.charge',
    args: ['A-1', { password: 'hunter2222' }],
    error: new Error('failed'),
    attempts: [],
    fallbacks: [],
    executionId: 'execution-1',
    firstFailedAt: 5,
    reason: 'failed',
    ...change,
  };
}

describe('a failed call as an entry', () => {
  it('holds all that is known about it', () => {
    const clock = new FakeClock();
    const capture = new FailedCallCapture({ clock, classify, traceparent: () => '00-aa-bb-01' });
    const root = Object.assign(new Error('reset'), { code: 'ECONNRESET' });
    const error = Object.assign(new TypeError('charge failed', { cause: root }), { status: 502 });
    const attempts = [{ number: 1, startedAt: 5, durationMs: 7, error: root }];
    const fallbacks = [{ level: 1, name: 'later', error: 'no queue' }];

    const entry = capture.capture(failedCall({ error, attempts, fallbacks, args: ['A-1'] }), {
      ...DEFAULT_DEAD_LETTER_OPTIONS,
      queue: 'payments',
      maxRedrives: 2,
      idempotencyKey: (order: string) => `charge ${order}`,
    });

    expect(entry).toMatchObject({
      queue: 'payments',
      target: 'OrderService.charge',
      args: { encoding: 'superjson', json: ['A-1'] },
      error: {
        ...{ name: 'TypeError', message: 'charge failed', status: 502, classification: classify() },
        cause: { name: 'Error', message: 'reset', code: 'ECONNRESET' },
      },
      attempts: [{ number: 1, startedAt: 5, durationMs: 7, error: { message: 'reset' } }],
      fallbacks: [{ level: 1, name: 'later', error: { name: 'NonError', message: 'thrown: no queue' } }],
      ...{ executionId: 'execution-1', traceparent: '00-aa-bb-01', idempotencyKey: 'charge A-1', firstFailedAt: 5 },
      ...{ createdAt: clock.epochNow(), status: 'pending', redrives: 0, maxRedrives: 2, occurrences: 1 },
    });
    expect(JSON.parse(JSON.stringify(entry))).toEqual(entry);
  });

  it('keeps a redacted argument out of every message that repeats it', () => {
    const capture = new FailedCallCapture({ clock: new FakeClock(), classify });
    const error = new Error('cannot log in with hunter2222', { cause: new Error('hunter2222 is wrong') });

    const entry = capture.capture(failedCall({ error }), DEFAULT_DEAD_LETTER_OPTIONS);

    expect(JSON.stringify(entry)).not.toContain('hunter2222');
  });

  it("survives whatever the user's code does", () => {
    const boom = () => {
      throw new Error('boom');
    };
    const capture = new FailedCallCapture({ clock: new FakeClock(), classify: boom, traceparent: boom });
    const circular = new Error('circular');
    circular.cause = circular;
    const hostile = { get message(): string { return boom(); } }; // prettier-ignore
    const options = { ...DEFAULT_DEAD_LETTER_OPTIONS, idempotencyKey: boom, redact: boom };

    for (const error of [circular, hostile, undefined, null, Symbol('s'), new Proxy({}, { get: boom })]) {
      const entry = capture.capture(failedCall({ error }), options);

      expect(entry.target).toBe('OrderService.charge');
      expect(entry.error.name).toEqual(expect.any(String));
    }
  });
});

describe('ids', () => {
  it('are UUIDv7s that sort in the order of their making, within a millisecond and when the clock steps back', () => {
    let now = 1_800_000_000_000;
    const next = uuidV7Source(() => now);
    const ids = Array.from({ length: 6_000 }, () => next());
    now -= 5_000;
    ids.push(next());
    now += 60_000;
    ids.push(next());

    expect([...ids].sort()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids.slice(0, 50)) {
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(parseInt(id.replace('-', '').slice(0, 12), 16)).toBe(1_800_000_000_000);
    }
  });
});
