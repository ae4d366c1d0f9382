import assert from 'node:assert/strict';

import { describe, it } from '@jest/globals';
import fc from 'fast-check';
import { defer, EMPTY, mergeMap, type Observable, of, tap, throwError, timer } from 'rxjs';

import { CallStats } from '../engine/call-stats.js';
import { Execution } from '../engine/execution.js';
import type { PipelineParts } from '../engine/pipeline-parts.js';
import { createPolicyContext } from '../engine/policy-context.js';
import { FakeClock } from '../testing/fake-clock.js';
import { HedgePolicy } from './hedge.policy.js';
import { HedgeRecord } from './hedge-record.js';

interface Plan {
  /** 0: answers while it is subscribed to. */
  readonly durationMs: number;
  readonly outcome: 'item' | 'empty' | 'error';
}

interface Settings {
  readonly delayMs: number;
  readonly maxHedges: number;
  readonly attempts: readonly Plan[];
}

interface Course {
  /** Whose item, end or error the caller got, from 0, and when. */
  readonly decidedBy: number;
  readonly outcome: Plan['outcome'];
  readonly at: number;
  readonly started: number;
  readonly cancelled: readonly number[];
}

const ascending = (numbers: number[]): number[] => numbers.sort((a, b) => a - b);

/** The same rules as arithmetic: when would each attempt start and end, and who is first? */
function expectedCourse({ delayMs, maxHedges, attempts }: Settings): Course {
  const ends = attempts.map(({ durationMs }, index) => index * delayMs + durationMs);
  for (let started = 1; ; started++) {
    const present = attempts.slice(0, started).map((plan, index) => ({ ...plan, index, at: ends[index]! }));
    const inOrder = present.sort((a, b) => a.at - b.at);
    const nextStart = started > maxHedges ? Infinity : started * delayMs;
    const winner = inOrder.find(({ outcome }) => outcome !== 'error');
    const decided = winner ?? inOrder.at(-1)!;
    if (decided.at > nextStart) continue;
    const cancelled = inOrder.filter(({ at }) => at > decided.at).map(({ index }) => index);
    return {
      decidedBy: decided.index,
      outcome: decided.outcome,
      at: decided.at,
      started,
      cancelled: ascending(cancelled),
    };
  }
}

async function actualCourse({ delayMs, maxHedges, attempts }: Settings): Promise<Course> {
  const clock = new FakeClock();
  const context = createPolicyContext({ clock });
  const parts: Partial<PipelineParts> = { name: 'p', context, stats: new CallStats() };
  const execution = new Execution(parts as PipelineParts, undefined, [], 0);
  const record = new HedgeRecord('p');
  const policy = new HedgePolicy({ delay: delayMs, percentile: undefined, maxHedges }, context, record);
  const cancelled: number[] = [];
  let started = 0;
  let decidedBy = -1;
  const source = defer((): Observable<unknown> => {
    const index = started++;
    execution.begin(clock.now());
    const { durationMs, outcome } = attempts[index]!;
    const end = defer((): Observable<number> => {
      if (outcome === 'empty') decidedBy = index;
      return outcome === 'item' ? of(index) : outcome === 'empty' ? EMPTY : throwError(() => index);
    });
    const attempt = durationMs === 0 ? end : timer(durationMs, context.scheduler).pipe(mergeMap(() => end));
    return attempt.pipe(tap({ unsubscribe: () => void cancelled.push(index) }));
  });
  let outcome = 'empty' as Plan['outcome'];
  let at = -1;
  const decide = (by: unknown, how: Plan['outcome']): void => {
    assert.equal(at, -1, 'the call ended twice');
    [decidedBy, outcome, at] = [by as number, how, clock.now()];
  };
  source.pipe(policy.operator(execution)).subscribe({
    next: (by) => decide(by, 'item'),
    error: (by) => decide(by, 'error'),
    complete: () => {
      if (at < 0) decide(decidedBy, 'empty');
    },
  });
  await clock.advance(1_000_000);
  assert.equal(clock.pending, 0, 'a timer was left behind');
  assert.equal(record.started, started - 1);
  assert.equal(record.won, outcome !== 'error' && decidedBy > 0 ? 1 : 0);
  return { decidedBy, outcome, at, started, cancelled: ascending(cancelled) };
}

/** Delays are whole steps and no two attempts can end in the same millisecond, so that nothing is left to who comes first. */
const STEP_MS = 24;

const settings: fc.Arbitrary<Settings> = fc.integer({ min: 1, max: 10 }).chain((maxHedges) =>
  fc.record({
    maxHedges: fc.constant(maxHedges),
    delayMs: fc.integer({ min: 0, max: 5 }).map((steps) => steps * STEP_MS),
    attempts: fc
      .array(
        fc.record({
          steps: fc.oneof(fc.constant(-1), fc.integer({ min: 0, max: 12 })),
          outcome: fc.constantFrom<Plan['outcome'][]>('item', 'empty', 'error', 'error', 'error'),
        }),
        { minLength: maxHedges + 1, maxLength: maxHedges + 1 },
      )
      .map((plans) =>
        plans.map(({ steps, outcome }, index) => ({
          durationMs: steps < 0 ? 0 : steps * STEP_MS + 2 * index + 1,
          outcome,
        })),
      ),
  }),
);

describe('A race of attempts', () => {
  const runs = Number(process.env['PROPERTY_RUNS'] ?? 1_000);

  it('is won, lost, joined and left exactly as the plain rules say', async () => {
    await fc.assert(
      fc.asyncProperty(settings, async (given) => {
        assert.deepEqual(await actualCourse(given), expectedCourse(given));
      }),
      { numRuns: runs },
    );
  });
});
