import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { Pipeline } from '../engine/pipeline.js';
import { ResilienceOptionsError } from '../engine/errors.js';
import { createPolicyContext } from '../engine/policy-context.js';
import { createPolicy, type Policy } from '../policy/index.js';
import { type PolicyOptions, readPolicyOptions } from '../policy/policy.options.js';
import { PolicyRegistry } from '../policy/policy-registry.js';
import { FakeClock } from '../testing/fake-clock.js';
import { RecordingEvents } from '../testing/recording-events.js';

import type { ChaosOptions } from './chaos.options.js';

const reset = (): Error => Object.assign(new Error('reset'), { code: 'ECONNRESET' });

let clock: FakeClock;
let events: RecordingEvents;
let drawn: number[];

beforeEach(() => {
  clock = new FakeClock();
  events = new RecordingEvents();
  drawn = [];
});

function policyWith(options: PolicyOptions): Policy {
  return createPolicy({ name: 'llm', ...options, clock, events, random: () => drawn.shift() ?? 0 });
}

describe('Chaos is met by the other policies like the real thing', () => {
  it('a fault is retried', async () => {
    const policy = policyWith({ retry: { strategy: 'immediate' }, chaos: { rate: 0.5, fault: reset } });
    drawn.push(0, 0.49, 0.5);

    await expect(policy.execute(async () => 'real')).resolves.toBe('real');

    expect(events.names).toEqual([
      'resilience.chaos.injected',
      'resilience.retry.scheduled',
      'resilience.chaos.injected',
      'resilience.retry.scheduled',
      'resilience.retry.recovered',
    ]);
  });

  it('a fault opens the circuit', async () => {
    const policy = policyWith({ circuitBreaker: { failureThreshold: 1 }, chaos: { rate: 1, fault: reset } });

    await expect(policy.execute(async () => 'real')).rejects.toThrow('reset');

    await expect(policy.execute(async () => 'real')).rejects.toMatchObject({ code: 'RESILIENCE_CIRCUIT_OPEN' });
    expect(events.of('resilience.chaos.injected')).toHaveLength(1);
  });

  it('latency runs into the timeout', async () => {
    const policy = policyWith({ timeout: '1s', chaos: { rate: 1, latency: '5s' } });
    const answer = policy.execute(async () => 'real').catch((error: unknown) => error);

    await clock.advance('10s');

    expect(await answer).toMatchObject({ code: 'RESILIENCE_TIMEOUT' });
  });

  it('latency makes hedges worth their while', async () => {
    const policy = policyWith({ hedge: 100, chaos: { rate: 0.5, latency: '5s' } });
    drawn.push(0, 0, 0.9);
    const answer = policy.execute(async ({ number }) => `answer of ${number}`);

    await clock.advance('10s');

    expect(await answer).toBe('answer of 2');
    expect(events.names).toContain('resilience.hedge.won');
  });

  it('a result is judged like any other', async () => {
    const retryOnResult = (value: unknown): boolean => value === 'busy';
    const policy = policyWith({
      retry: { strategy: 'immediate', retryOnResult },
      chaos: { rate: 0.5, result: 'busy' },
    });
    drawn.push(0, 0.9);

    await expect(policy.execute(async () => 'real')).resolves.toBe('real');
  });
});

describe('An async method under chaos', () => {
  const invoke = (chaos: ChaosOptions): unknown => {
    const registry = new PolicyRegistry({
      context: createPolicyContext({ clock }),
      deadLetters: () => ({ store: async () => undefined }),
    });
    const parts = registry.build('Orders.find', readPolicyOptions({ chaos }, 'p'), { attemptIndex: -1 });
    return new Pipeline(parts, 'promise').invoke(async () => 'real', undefined, []);
  };

  it('still rejects', async () => {
    await expect(invoke({ rate: 1, fault: reset })).rejects.toThrow('reset');
  });

  // The direct lane takes a plain value for the sign of a synchronous method.
  it('still answers with a promise', async () => {
    const answer = invoke({ rate: 1, result: 'made up' });

    expect(answer).toBeInstanceOf(Promise);
    expect(await answer).toBe('made up');
  });
});

describe('A policy with chaos', () => {
  const { NODE_ENV } = process.env;

  afterEach(() => {
    if (NODE_ENV === undefined) delete process.env['NODE_ENV'];
    else process.env['NODE_ENV'] = NODE_ENV;
  });

  it('cannot be made in production', () => {
    process.env['NODE_ENV'] = 'production';

    expect(() => policyWith({ chaos: { rate: 0.1, latency: '1s' } })).toThrow(ResilienceOptionsError);
  });

  it.each<ChaosOptions | false>([false, { rate: 1, fault: reset, enabled: false }])(
    'can be made there when it is off: %p',
    async (chaos) => {
      process.env['NODE_ENV'] = 'production';

      await expect(policyWith({ chaos }).execute(async () => 'real')).resolves.toBe('real');
    },
  );

  it('is told of once per name, and again when it changes', () => {
    const warnings: string[] = [];
    const registry = new PolicyRegistry({
      context: createPolicyContext({ clock }),
      deadLetters: () => ({ store: async () => undefined }),
      warn: (message) => void warnings.push(message),
    });
    const build = (name: string, rate: number) =>
      registry.build(name, readPolicyOptions({ chaos: { rate, latency: '1s' } }, 'p'), { attemptIndex: -1 });

    build('Orders.find', 0.1);
    build('Orders.find', 0.1);
    build('Orders.charge', 0.1);
    build('Orders.find', 0.2);

    expect(warnings).toEqual([
      'Chaos is on for Orders.find: 10 % latency of 1000 ms',
      'Chaos is on for Orders.charge: 10 % latency of 1000 ms',
      'Chaos is on for Orders.find: 20 % latency of 1000 ms',
    ]);
  });
});
