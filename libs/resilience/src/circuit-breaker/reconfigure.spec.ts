import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { createPolicyContext } from '../engine/policy-context.js';
import { FakeClock } from '../testing/fake-clock.js';
import { type CircuitBreakerOptions, readCircuitBreakerOptions } from './circuit-breaker.options.js';
import { changeCircuits, type Circuits, createCircuits } from './circuit-breaker.policy.js';
import { circuitFamily } from './circuit-family.js';
import { CircuitRules } from './circuit-rules.js';

const context = createPolicyContext({ clock: new FakeClock() });
const rulesOf = (options: CircuitBreakerOptions): CircuitRules =>
  new CircuitRules(readCircuitBreakerOptions(options, 'spec'), context);
const circuitsOf = (options: CircuitBreakerOptions): Circuits => createCircuits('llm', rulesOf(options));
const names = (circuits: Circuits): string[] => [...circuits.circuits()].map(({ name }) => name);
const SLOW_MS = 100;

/** `.` is a success, `x` a failure, `s` a slow success. */
function play(circuits: Circuits, outcomes: string, ...args: unknown[]): void {
  const circuit = circuits.select(args);
  for (const outcome of outcomes) {
    const permit = circuit.tryAcquire(0);
    if (outcome === 'x') circuit.fail(permit, 0, 0, new Error('down'));
    else circuit.succeed(permit, 0, outcome === 's' ? SLOW_MS + 1 : 0, 'ok');
  }
}

describe('A running circuit that gets other options', () => {
  const count = (size: number, more: CircuitBreakerOptions = {}): CircuitBreakerOptions => ({
    window: { type: 'count', size },
    minimumCalls: 100_000,
    failureRate: 1,
    slowCallDuration: SLOW_MS,
    ...more,
  });

  it('keeps its state and its counts where the window stays', () => {
    const circuits = circuitsOf(count(4));
    play(circuits, 'x.s');
    const before = circuits.select([]);

    expect(changeCircuits(circuits, rulesOf(count(4, { recoveryTimeout: '5s' })))).toBe(circuits);

    expect(circuits.select([])).toBe(before);
    expect(before.snapshot()).toMatchObject({ calls: 3, failures: 1 });
  });

  it('opens by the new limit at the next result', () => {
    const circuits = circuitsOf({ failureThreshold: 5 });
    play(circuits, 'xx');

    changeCircuits(circuits, rulesOf({ failureThreshold: 3 }));

    expect(circuits.select([]).state).toBe('closed');
    play(circuits, 'x');
    expect(circuits.select([]).state).toBe('open');
  });

  it('of a resized count window goes on with its newest outcomes, in their order', () => {
    const outcomes = fc.string({ unit: fc.constantFrom('.', 'x', 's'), maxLength: 80 });
    const size = fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 25, max: 65 }));
    /** One that never opens, however many fail. */
    const counting = (options: CircuitBreakerOptions): Circuits => {
      const circuits = circuitsOf(options);
      circuits.select([]).force('metrics_only');
      return circuits;
    };

    fc.assert(
      fc.property(outcomes, size, size, outcomes, (past, was, is, next) => {
        const resized = counting(count(was));
        const fresh = counting(count(is));
        play(resized, past);
        changeCircuits(resized, rulesOf(count(is)));
        play(fresh, past.slice(-was));

        for (const outcome of ['', ...next]) {
          for (const circuits of [resized, fresh]) play(circuits, outcome);
          expect(resized.select([]).snapshot()).toEqual(fresh.select([]).snapshot());
        }
      }),
    );
  });

  it.each<[string, CircuitBreakerOptions, CircuitBreakerOptions]>([
    ['of another kind', { window: { type: 'count', size: 4 } }, { window: '10s' }],
    ['of the first kind again', { window: '10s' }, { window: { type: 'count', size: 4 } }],
    ['of another length of time', { window: '10s' }, { window: '20s' }],
    ['of none', { window: { type: 'count', size: 4 } }, { window: 'consecutive' }],
  ])('starts with an empty window %s', (_what, was, is) => {
    const circuits = circuitsOf(was);
    play(circuits, 'x.');

    changeCircuits(circuits, rulesOf(is));

    expect(circuits.select([]).snapshot()).toMatchObject({ state: 'closed', calls: 0, failures: 0 });
  });

  it('one per key keeps the keys it may keep, those used last, under the new rules and key', () => {
    const circuits = circuitsOf({ failureThreshold: 2, key: (tenant: string) => tenant });
    for (const tenant of ['a', 'b', 'c']) play(circuits, 'x', tenant);

    changeCircuits(circuits, rulesOf({ failureThreshold: 2, maxKeys: 2, key: (_: string, model: string) => model }));

    expect(names(circuits)).toEqual(['llm[b]', 'llm[c]']);
    play(circuits, 'x', 'any', 'b');
    expect(circuits.select(['any', 'b']).state).toBe('open');
    circuits.select(['any', 'd']);
    expect(names(circuits)).toEqual(['llm[b]', 'llm[d]']);
  });

  it('cannot become one per key, nor the reverse: that is another', () => {
    const single = circuitsOf({ failureThreshold: 1 });
    const keyed = circuitsOf({ failureThreshold: 1, key: () => 'a' });

    const nowKeyed = changeCircuits(single, keyed.rules);
    const nowSingle = changeCircuits(keyed, single.rules);

    expect([nowKeyed === single, nowSingle === keyed]).toEqual([false, false]);
    expect(nowKeyed.select([]).name).toBe('llm[a]');
    expect(nowSingle.select([]).name).toBe('llm');
  });
});

describe('Options of a circuit', () => {
  const key = (): string => 'a';

  it.each<[CircuitBreakerOptions, CircuitBreakerOptions, boolean]>([
    [{}, {}, true],
    [{ failureRate: 0.5 }, {}, true],
    [{ failureRate: 0.4 }, {}, false],
    [{ name: 'one' }, { name: 'other' }, true],
    [{ window: '10s' }, { window: { type: 'time', duration: 10_000 } }, true],
    [{ window: '10s' }, { window: '20s' }, false],
    [{ window: 20 }, {}, true],
    [{ window: 21 }, {}, false],
    [{ window: 'consecutive' }, { window: 'consecutive' }, true],
    [{ window: 'consecutive' }, {}, false],
    [{ key }, { key }, true],
    [{ key }, { key: () => 'a' }, false],
  ])('%j and %j are the same: %p', (one, other, same) => {
    expect(rulesOf(one).isMadeOf(readCircuitBreakerOptions(other, 'spec'))).toBe(same);
  });

  it('take a count window of up to 100,000 calls', () => {
    expect(rulesOf({ window: 100_000 }).options.window).toEqual({ type: 'count', size: 100_000 });
    expect(() => rulesOf({ window: 100_001 })).toThrow('a whole number from 1 to 100000');
    expect(() => rulesOf({ window: { type: 'count', size: '5' as never } })).toThrow('a whole number from 1 to 100000');
  });
});

describe('The family of a circuit', () => {
  it.each([
    ['llm', 'llm'],
    ['llm[gpt]', 'llm'],
    ['llm[a[b]]', 'llm'],
    ['llm[]', 'llm'],
    ['[gpt]', '[gpt]'],
    ['llm[gpt', 'llm[gpt'],
    ['llm]', 'llm]'],
  ])('of %s is %s', (name, family) => {
    expect(circuitFamily(name)).toBe(family);
  });
});
