import { describe, expect, it } from '@jest/globals';

import { describeValue, ResilienceError, ResilienceOptionsError, ShutdownError } from './errors.js';

describe('A value in a message', () => {
  function named(): void {}

  it.each<[unknown, string]>([
    ['text', "'text'"],
    ['x'.repeat(60), `'${'x'.repeat(60)}'`],
    ['x'.repeat(61), `'${'x'.repeat(57)}...'`],
    [named, 'function named'],
    [() => undefined, 'a function'],
    [[1, 2], 'an array of 2'],
    [{ a: 1, b: 2 }, 'an object with keys [a, b]'],
    [{ a: 1, b: 2, c: 3, d: 4, e: 5, f: 6 }, 'an object with keys [a, b, c, d, e]'],
    [null, 'null'],
    [undefined, 'undefined'],
    [-0.5, '-0.5'],
    [7n, '7'],
    [Symbol('s'), 'Symbol(s)'],
  ])('%p reads %s', (value, text) => {
    expect(describeValue(value)).toBe(text);
  });
});

describe('Our own errors', () => {
  it('bear the name of their class, a code and the policy that raised them', () => {
    class TeapotError extends ResilienceError {}

    expect(new TeapotError('short and stout', 'RESILIENCE_TEAPOT', 'Tea.pour', { cause: 'tea' })).toMatchObject({
      name: 'TeapotError',
      message: 'short and stout',
      code: 'RESILIENCE_TEAPOT',
      policy: 'Tea.pour',
      cause: 'tea',
    });
  });

  it('about options tell all problems at once', () => {
    const path = 'Tea.pour > @Retry > maxRetries';
    const one = new ResilienceOptionsError([{ path, value: -1, allowed: 'a whole number >= 0' }]);
    const two = new ResilienceOptionsError([...one.problems, { path: 'Tea', value: 'x', allowed: 'y' }]);

    expect(one).toMatchObject({ code: 'RESILIENCE_OPTIONS', policy: 'Tea.pour' });
    expect(one.message).toBe(`One option is not usable:\n  - ${path}: got -1, expected a whole number >= 0`);
    expect(two.message).toBe(
      `2 options are not usable:\n  - ${path}: got -1, expected a whole number >= 0\n  - Tea: got 'x', expected y`,
    );
    expect(new ResilienceOptionsError([]).policy).toBe('options');
  });

  it('about a shutdown tell what came before', () => {
    const cause = new Error('down');

    expect(new ShutdownError('Tea.pour', cause)).toMatchObject({
      code: 'RESILIENCE_SHUTDOWN',
      policy: 'Tea.pour',
      cause,
    });
    expect(new ShutdownError('Tea.pour').message).toMatch(/^Tea\.pour was given up: .*shutdownTimeout/);
    expect('cause' in new ShutdownError('Tea.pour')).toBe(false);
  });
});
