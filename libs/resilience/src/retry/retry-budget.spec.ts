import { describe, expect, it } from '@jest/globals';

import { RetryBudget } from './retry-budget.js';

describe('RetryBudget', () => {
  it.each([
    ['the minimum when little is going on', { active: 1, ratio: 0.2, min: 3 }, 3],
    ['the minimum up to the point where the ratio passes it', { active: 15, ratio: 0.2, min: 3 }, 3],
    ['a started share counts', { active: 16, ratio: 0.2, min: 3 }, 4],
    ['the ratio of the calls in flight', { active: 100, ratio: 0.2, min: 3 }, 20],
    ['nothing when told so', { active: 100, ratio: 0, min: 0 }, 0],
    ['all when told so', { active: 7, ratio: 1, min: 0 }, 7],
  ])('allows %s', (_what, { active, ratio, min }, allowed) => {
    const budget = new RetryBudget('orders', { ratio, min });
    budget.active = active;

    let granted = 0;
    while (granted < 1000 && budget.tryAcquire()) granted++;

    expect(granted).toBe(allowed);
  });

  it('grants again what was given back', () => {
    const budget = new RetryBudget('orders', { ratio: 0, min: 1 });

    expect([budget.tryAcquire(), budget.tryAcquire()]).toEqual([true, false]);
    budget.release();
    expect([budget.tryAcquire(), budget.tryAcquire()]).toEqual([true, false]);
  });

  it('takes other limits while it is used', () => {
    const budget = new RetryBudget('orders', { ratio: 0, min: 1 });
    budget.active = 10;
    budget.tryAcquire();

    budget.reconfigure({ ratio: 0.2, min: 0 });
    expect([budget.limit, budget.tryAcquire(), budget.tryAcquire()]).toEqual([2, true, false]);
    budget.reconfigure({ ratio: 0, min: 1 });
    budget.release();
    expect([budget.limit, budget.tryAcquire()]).toEqual([1, false]);
  });
});
