import { describe, expect, it } from '@jest/globals';

import { createPolicyContext } from '../engine/policy-context.js';
import { FakeClock } from '../testing/fake-clock.js';
import { type CircuitBreakerOptions, readCircuitBreakerOptions } from './circuit-breaker.options.js';
import { type Circuits, createCircuits } from './circuit-breaker.policy.js';
import { CircuitRules } from './circuit-rules.js';

const circuitsWith = (options: CircuitBreakerOptions): Circuits =>
  createCircuits(
    'llm',
    new CircuitRules(readCircuitBreakerOptions(options, 'spec'), createPolicyContext({ clock: new FakeClock() })),
  );
const byModel = (extra: CircuitBreakerOptions = {}): Circuits =>
  circuitsWith({ failureThreshold: 1, key: (_prompt: string, model: string) => model, ...extra });
const names = (circuits: Circuits): string[] => [...circuits.circuits()].map(({ name }) => name);
const fail = (circuits: Circuits, ...args: unknown[]): void => {
  const circuit = circuits.select(args);
  circuit.fail(circuit.tryAcquire(0), 0, 0, new Error('down'));
};

describe('a circuit without key', () => {
  it('is one for all arguments', () => {
    const circuits = circuitsWith({});

    expect(circuits.select(['a'])).toBe(circuits.select(['b']));
    expect(names(circuits)).toEqual(['llm']);
  });
});

describe('a circuit per key', () => {
  it('judges each key apart, and shows the key in its name', () => {
    const circuits = byModel();

    fail(circuits, 'hi', 'gpt');
    circuits.select(['hi', 'claude']);

    expect([...circuits.circuits()].map(({ name, state }) => [name, state])).toEqual([
      ['llm[gpt]', 'open'],
      ['llm[claude]', 'closed'],
    ]);
  });

  it('is the same one for the same key', () => {
    const circuits = byModel();

    expect(circuits.select(['a', 'gpt'])).toBe(circuits.select(['b', 'gpt']));
  });

  it.each<[unknown, string]>([
    [undefined, 'llm[undefined]'],
    [7, 'llm[7]'],
    ['', 'llm[]'],
    ['__proto__', 'llm[__proto__]'],
  ])('takes %p for a key', (key, name) => {
    expect(circuitsWith({ key: (() => key) as never }).select([]).name).toBe(name);
  });

  it('pain 21: forgets the key that was not used for longest, and only that', () => {
    const circuits = byModel({ maxKeys: 3 });
    for (const model of ['a', 'b', 'c', 'a', 'd']) circuits.select(['', model]);

    expect(names(circuits)).toEqual(['llm[c]', 'llm[a]', 'llm[d]']);
  });

  it('a flood of keys keeps at most maxKeys of them', () => {
    const circuits = byModel({ maxKeys: 100 });

    for (let i = 0; i < 10_000; i++) circuits.select(['', `tenant-${i}`]);

    expect(names(circuits)).toHaveLength(100);
    expect(names(circuits).at(-1)).toBe('llm[tenant-9999]');
  });

  it('a key that was forgotten starts closed', () => {
    const circuits = byModel({ maxKeys: 1 });
    fail(circuits, '', 'a');

    circuits.select(['', 'b']);

    expect(circuits.select(['', 'a']).state).toBe('closed');
  });
});
