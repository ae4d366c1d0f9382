import { afterAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { propertyRuns, Tally } from '../../../test/model/property-runs.js';
import type { Clock } from '../../engine/clock.js';
import { createPolicy } from '../../policy/index.js';
import { seededRandom } from '../../testing/seeded-random.js';
import type { RetryScheduledEvent } from '../retry.events.js';
import type { RetryOptions } from '../retry.options.js';

const DOWN = new Error('down');
const NO_LIMIT = 2 ** 31 - 1;
const STRATEGIES = ['exponential', 'linear', 'fibonacci', 'constant', 'immediate', 'function'] as const;
const JITTERS = ['full', 'equal', 'decorrelated', 'none', 'ratio'] as const;

interface Settings {
  readonly strategy: (typeof STRATEGIES)[number];
  readonly jitter: (typeof JITTERS)[number];
  readonly ratio: number;
  readonly base: number;
  readonly multiplier: number;
  readonly maxDelay: number;
  /** What the function answers, and `false` after the last of them. */
  readonly answers: readonly number[];
  readonly maxRetries: number;
  readonly seed: number;
}

/** The delay of the n-th retry before jitter and cap, as the documentation has it. */
function raw({ strategy, base, multiplier, answers }: Settings, retry: number): number | false {
  switch (strategy) {
    case 'exponential':
      return base * multiplier ** (retry - 1);
    case 'linear':
      return base * retry;
    case 'fibonacci':
      return base * fibonacci(retry);
    case 'constant':
      return base;
    case 'immediate':
      return 0;
    case 'function':
      return answers[retry - 1] ?? false;
  }
}

function fibonacci(n: number): number {
  return n <= 2 ? 1 : fibonacci(n - 1) + fibonacci(n - 2);
}

/** From where to where jitter may draw: from the capped delay, but a ratio adds to the raw one and is capped then. */
function range(settings: Settings, raw: number, previous: number): [from: number, to: number] {
  const { jitter, ratio, base, maxDelay } = settings;
  const delay = Math.min(maxDelay, raw);
  switch (jitter) {
    case 'full':
      return [0, delay];
    case 'equal':
      return [delay / 2, delay];
    case 'decorrelated':
      return [Math.min(maxDelay, base), Math.min(maxDelay, 3 * Math.max(base, previous))];
    case 'none':
      return [delay, delay];
    case 'ratio':
      return [raw, raw * (1 + ratio)];
  }
}

/** Every delay of a call that never succeeds, and the bounds it had to keep. */
function expected(settings: Settings): { delays: number[]; bounds: [number, number][] } {
  const random = seededRandom(settings.seed);
  const delays: number[] = [];
  const bounds: [number, number][] = [];
  for (let retry = 1; retry <= settings.maxRetries; retry++) {
    const delay = raw(settings, retry);
    if (delay === false) break;
    const [from, to] = delay === 0 ? [0, 0] : range(settings, delay, delays.at(-1) ?? 0);
    const draw = delay === 0 || settings.jitter === 'none' ? 0 : random();
    delays.push(Math.min(settings.maxDelay, from + draw * (to - from)));
    bounds.push([Math.min(from, settings.maxDelay), Math.min(to, settings.maxDelay)]);
  }
  return { delays, bounds };
}

/** What the policy announced and what it really waited for, on a clock whose timers fire as soon as the call waits. */
async function measured(settings: Settings): Promise<{ announced: number[]; waits: number[] }> {
  const { strategy, jitter, base, answers } = settings;
  const waits: number[] = [];
  const announced: number[] = [];
  let time = 0;
  const clock: Clock = {
    now: () => time,
    epochNow: () => time,
    setTimer: (callback, ms) => {
      waits.push(ms);
      time += ms;
      queueMicrotask(callback);
      return { cancel: () => undefined, ref: () => undefined, unref: () => undefined };
    },
  };
  const retry: RetryOptions = {
    maxRetries: settings.maxRetries,
    strategy: strategy === 'function' ? (n) => answers[n - 1] ?? false : strategy,
    jitter: jitter === 'ratio' ? settings.ratio : jitter,
    baseDelay: base,
    multiplier: settings.multiplier,
    maxDelay: settings.maxDelay,
    budget: false,
  };
  const events = {
    listens: (name: string) => name === 'resilience.retry.scheduled',
    emit: (_name: string, payload: object) => void announced.push((payload as RetryScheduledEvent).delayMs),
  };
  const policy = createPolicy({ retry, clock, events, random: seededRandom(settings.seed) });
  const error = await policy.execute(() => Promise.reject(DOWN)).catch((reason: unknown) => reason);
  if (error !== DOWN) throw error;
  return { announced, waits };
}

const settingsOf = (strategy: Settings['strategy'], jitter: Settings['jitter']): fc.Arbitrary<Settings> =>
  fc.record({
    strategy: fc.constant(strategy),
    jitter: fc.constant(jitter),
    ratio: fc.double({ min: 0, max: 10, noNaN: true }),
    base: fc.nat(5_000),
    multiplier: fc.double({ min: 1, max: 10, noNaN: true }),
    maxDelay: fc.oneof(fc.nat(60_000), fc.constant(NO_LIMIT)),
    answers: fc.array(fc.nat(20_000), { maxLength: 8 }),
    maxRetries: fc.nat(9),
    seed: fc.nat(),
  });

describe('the delays of a call that keeps failing', () => {
  const tally = new Tally('backoff against its formulas');
  const cases = STRATEGIES.flatMap((strategy) => JITTERS.map((jitter) => [strategy, jitter] as const));
  afterAll(() => tally.print());

  it.each(cases)(
    'strategy %s with jitter %s: the formula, then the cap, then chance; a ratio adds, then caps',
    async (strategy, jitter) => {
      await fc.assert(
        fc.asyncProperty(settingsOf(strategy, jitter), async (settings) => {
          const { announced, waits } = await measured(settings);

          const { delays, bounds } = expected(settings);
          tally.sequences++;
          tally.events += announced.length;
          if (announced.length !== delays.length) expect(announced).toEqual(delays);
          for (const [index, delay] of announced.entries()) {
            const [from, to] = bounds[index] ?? [NaN, NaN];
            const slack = to * 1e-12;
            if (!(delay >= from - slack && delay <= to + slack)) expect([from, delay, to]).toEqual('in order');
            if (!(Math.abs(delay - (delays[index] ?? NaN)) <= slack)) expect(announced).toEqual(delays);
          }
          // A delay of 0 is no wait.
          const positive = announced.filter((delay) => delay > 0);
          if (waits.join() !== positive.join()) expect(waits).toEqual(positive);
        }),
        { numRuns: propertyRuns(cases.length) },
      );
    },
    NO_LIMIT,
  );
});
