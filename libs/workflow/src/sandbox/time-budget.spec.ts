import { describe, expect, it } from '@jest/globals';
import { cpuMs, cpuMsOf, TimeBudget } from './time-budget.js';

describe('a budget of time', () => {
  const clocks = { wall: 0, cpu: 500 };
  const started = (): TimeBudget => {
    Object.assign(clocks, { wall: 0, cpu: 500 });
    const budget = new TimeBudget(
      () => clocks.wall,
      () => clocks.cpu,
    );
    budget.start(1_000);
    return budget;
  };

  it('is never used up before it begins', () => {
    expect(new TimeBudget().left()).toBe(Infinity);
  });

  it.each([
    ['by a process that computes all the time', 1_000, 1_500, 0],
    ['by one that computes on several processors', 400, 2_000, 600],
    ['not by waiting for a processor', 60_000, 1_499, 1],
    ['by a process that computes now and then', 60_000, 1_600, -100],
  ])('is used up %s', (_, wall, cpu, left) => {
    const budget = started();

    Object.assign(clocks, { wall, cpu });

    expect(budget.left()).toBe(left);
  });
});

describe('the time that a process has computed', () => {
  it('is the same by its own books and, on Linux, by those of the system', () => {
    const before = cpuMs();
    const seen = cpuMsOf(process.pid);
    const after = cpuMs();

    if (process.platform !== 'linux') return expect(seen).toBeUndefined();
    // Its books are rounded down, and a tick or two late.
    expect(seen).toBeGreaterThan(before - 100);
    expect(seen).toBeLessThanOrEqual(after + 10);
  });

  it('is not known of one that has ended', () => {
    expect(cpuMsOf(undefined)).toBeUndefined();
    expect(cpuMsOf(2 ** 30)).toBeUndefined();
  });
});
