import { afterAll, afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ConsecutiveBreaker, CountBreaker, SamplingBreaker } from 'cockatiel';
import fc from 'fast-check';

import { propertyRuns, Tally } from '../model/property-runs.js';
import {
  type Call,
  cockatiel,
  cockatielBulkhead,
  type Contender,
  opossum,
  ourBulkhead,
  ours,
  pass,
  play,
  settled,
  useFakeTime,
} from './contenders.js';

const NO_LIMIT = 2 ** 31 - 1;
const PAIRS = 5;
/** They open above a rate, we from it on: this is above. */
const ABOVE = 1e-9;
const RECOVERY_MS = 100;

interface Step {
  readonly waitMs: number;
  readonly outcome: '.' | 'x';
}

const histories = (maxWaitMs: number): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.record({
      waitMs: fc.oneof(fc.constant(0), fc.nat(maxWaitMs), fc.constantFrom(RECOVERY_MS - 1, RECOVERY_MS)),
      outcome: fc.constantFrom('.', 'x', 'x'),
    }),
    { maxLength: 40, size: 'max' },
  );
const thresholds = fc.constantFrom(0.2, 0.25, 0.5, 0.75, 0.9);

describe('Fed with the same calls, outcomes and times, we decide like', () => {
  const tally = new Tally('circuit and bulkhead against cockatiel and opossum');
  beforeEach(useFakeTime);
  afterEach(() => void jest.useRealTimers());
  afterAll(() => tally.print());

  /** @param once until they first close again: what is left in their windows then is a difference of its own */
  async function agree(steps: readonly Step[], us: Contender, them: Contender, once: boolean): Promise<void> {
    const [mine, theirs] = ['', ''].map((): string[] => []) as [string[], string[]];
    for (const { waitMs, outcome } of steps) {
      await pass(waitMs);
      mine.push(await play(us, outcome));
      theirs.push(await play(them, outcome));
      tally.events++;
      if (once && them.closings > 0) break;
    }
    tally.sequences++;
    expect(mine.join('')).toBe(theirs.join(''));
    expect(us.closings).toBe(them.closings);
  }
  const runs = { numRuns: Math.ceil(propertyRuns(PAIRS) / 10) };

  it(
    "cockatiel's ConsecutiveBreaker, always",
    async () => {
      const failures = fc.integer({ min: 1, max: 6 });
      await fc.assert(
        fc.asyncProperty(failures, histories(150), async (failureThreshold, steps) => {
          const us = ours({ failureThreshold, recoveryTimeout: RECOVERY_MS });
          const them = cockatiel(new ConsecutiveBreaker(failureThreshold), RECOVERY_MS);
          await agree(steps, us, them, false);
        }),
        runs,
      );
    },
    NO_LIMIT,
  );

  it(
    "cockatiel's CountBreaker that judges from the first result on, until it closes again",
    async () => {
      const sizes = fc.integer({ min: 1, max: 40 });
      await fc.assert(
        fc.asyncProperty(thresholds, sizes, histories(150), async (threshold, size, steps) => {
          const rates = { failureRate: threshold + ABOVE, minimumCalls: 1 };
          const us = ours({ window: size, ...rates, recoveryTimeout: RECOVERY_MS });
          const them = cockatiel(new CountBreaker({ threshold, size, minimumNumberOfCalls: 1 }), RECOVERY_MS);
          await agree(steps, us, them, true);
        }),
        runs,
      );
    },
    NO_LIMIT,
  );

  it(
    "cockatiel's SamplingBreaker while nothing is old enough to be forgotten, until it closes again",
    async () => {
      await fc.assert(
        fc.asyncProperty(thresholds, histories(150), async (threshold, steps) => {
          const rates = { failureRate: threshold + ABOVE, minimumCalls: 1 };
          const us = ours({ window: '10s', ...rates, recoveryTimeout: RECOVERY_MS });
          // 0.1 calls a second in ten seconds: one call.
          const them = cockatiel(new SamplingBreaker({ threshold, duration: 10_000, minimumRps: 0.1 }), RECOVERY_MS);
          await agree(steps, us, them, true);
        }),
        runs,
      );
    },
    NO_LIMIT,
  );

  it(
    'opossum while nothing is old enough to be forgotten, until it closes again',
    async () => {
      await fc.assert(
        fc.asyncProperty(thresholds, histories(150), async (threshold, steps) => {
          const rates = { failureRate: threshold + ABOVE, minimumCalls: 1 };
          const us = ours({ window: '10s', ...rates, recoveryTimeout: RECOVERY_MS });
          const them = opossum({ errorThresholdPercentage: threshold * 100, resetTimeout: RECOVERY_MS });
          await agree(steps, us, them, true);
        }),
        runs,
      );
    },
    NO_LIMIT,
  );

  it(
    "cockatiel's bulkhead: who runs, who waits and who is refused",
    async () => {
      const steps = fc.array(fc.oneof(fc.constant('start' as const), fc.nat(20)), { maxLength: 40, size: 'max' });
      const limits = fc.integer({ min: 1, max: 4 });
      await fc.assert(
        fc.asyncProperty(limits, fc.nat(4), steps, async (maxConcurrent, maxQueue, history) => {
          const bulkheads = [ourBulkhead(maxConcurrent, maxQueue), cockatielBulkhead(maxConcurrent, maxQueue)];
          const calls = bulkheads.map((): Call[] => []);
          for (const step of history) {
            for (const [index, all] of calls.entries()) {
              if (step === 'start') all.push(bulkheads[index]!.start());
              else await all.filter(({ fate }) => fate.entered)[step]?.end(step % 2 === 0 ? 'good' : 'bad');
            }
            await settled();
            const [mine, theirs] = calls.map((all) => all.map(({ fate }) => [fate.entered, fate.refused]));
            expect(mine).toEqual(theirs);
            tally.events++;
          }
          tally.sequences++;
        }),
        runs,
      );
    },
    NO_LIMIT,
  );
});
