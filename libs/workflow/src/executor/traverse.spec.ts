import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { buildWorkflow } from '../graph/build.js';
import type { NodeDefinition, WorkflowDefinition } from '../graph/definition.js';
import { isFinal, type NodeRecord } from '../ledger/execution.js';
import { traverse } from './traverse.js';

/** A random graph: node i may wait for any earlier ones, written in random order; some fail, some of those are optional. */
const graphs = fc.integer({ min: 1, max: 25 }).chain((size) =>
  fc.record({
    nodes: fc.tuple(
      ...Array.from({ length: size }, (_, i) =>
        fc.record({
          name: fc.constant(`n${i}`),
          after:
            i === 0 ? fc.constant<number[]>([]) : fc.uniqueArray(fc.integer({ min: 0, max: i - 1 }), { maxLength: 4 }),
          fails: fc.boolean().chain((maybe) => (maybe ? fc.boolean() : fc.constant(false))),
          optional: fc.boolean(),
          when: fc.integer({ min: 0, max: 9 }).map((n) => n > 0),
          turns: fc.integer({ min: 0, max: 5 }),
        }),
      ),
    ),
    parallel: fc.integer({ min: 1, max: 6 }),
    shuffle: fc.integer(),
  }),
);

type Plan = typeof graphs extends fc.Arbitrary<infer T> ? T : never;

function define({ nodes, shuffle }: Plan): WorkflowDefinition {
  const order = [...nodes].sort((a, b) => ((a.turns * 31 + shuffle) % 7) - ((b.turns * 31 + shuffle) % 7));
  return buildWorkflow({
    name: 'random',
    nodes: order.map(({ name, after, optional }) => ({
      name,
      after: after.map((i) => `n${i}`),
      optional,
      action: { type: 'constant', value: name },
    })),
  });
}

function record(node: NodeDefinition, status: NodeRecord['status']): NodeRecord {
  const times = {
    startedAt: 0,
    finishedAt: 0,
    fallbackLevel: 0,
    degraded: false,
    attempts: [],
    attemptCount: 1,
    retryCount: 0,
  };
  return { node: node.name, status, optional: node.optional, ...times };
}

async function walk(plan: Plan, finished = new Map<string, NodeRecord>()) {
  const definition = define(plan);
  const plans = new Map(plan.nodes.map((node) => [node.name as string, node]));
  const started: string[] = [];
  const checkpoints: string[] = [];
  let working = 0;
  let most = 0;
  let early: string | undefined;
  const failed = await traverse({
    definition,
    finished,
    parallel: plan.parallel,
    async run(node) {
      const { fails, when, turns } = plans.get(node.name)!;
      started.push(node.name);
      if (!node.after.every((other) => isFinal(finished.get(other)))) early = node.name;
      most = Math.max(most, ++working);
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      working--;
      return record(node, !when ? 'skipped' : fails ? 'failed' : 'succeeded');
    },
    skip: (node) => record(node, 'skipped'),
    checkpoint(kept) {
      checkpoints.push(kept.node);
      return Promise.resolve(kept);
    },
  });
  return { definition, started, checkpoints, most, early, failed, finished };
}

/** What must come out, computed one node after the other. */
function reference({ nodes }: Plan): Map<string, NodeRecord['status'] | 'blocked'> {
  const ends = new Map<string, NodeRecord['status'] | 'blocked'>();
  for (const { name, after, fails, optional, when } of nodes) {
    const before = after.map((i) => ({ end: ends.get(`n${i}`)!, optional: nodes[i]!.optional }));
    if (before.some(({ end, optional: may }) => end === 'blocked' || (end === 'failed' && !may)))
      ends.set(name, 'blocked');
    else if (before.length > 0 && before.every(({ end }) => end === 'skipped')) ends.set(name, 'skipped');
    else ends.set(name, !when ? 'skipped' : fails ? 'failed' : 'succeeded');
    void optional;
  }
  return ends;
}

describe('walking through a graph', () => {
  it('starts no node before those it waits for are checkpointed, and never more than allowed at once', async () => {
    await fc.assert(
      fc.asyncProperty(graphs, async (plan) => {
        const { started, most, early, checkpoints } = await walk(plan);

        expect(early).toBeUndefined();
        expect(most).toBeLessThanOrEqual(plan.parallel);
        expect(new Set(started).size).toBe(started.length);
        expect(new Set(checkpoints).size).toBe(checkpoints.length);
      }),
      { numRuns: 300 },
    );
  });

  it('ends as a plain sequential model says', async () => {
    await fc.assert(
      fc.asyncProperty(graphs, async (plan) => {
        const { finished, failed } = await walk(plan);
        const expected = reference(plan);

        const wholeRunFails = plan.nodes.some(({ name, optional }) => expected.get(name) === 'failed' && !optional);
        expect(failed !== undefined).toBe(wholeRunFails);
        for (const [name, { status }] of finished) expect(status).toBe(expected.get(name));
        if (!wholeRunFails) expect([...finished.keys()].sort()).toEqual([...expected.keys()].sort());
      }),
      { numRuns: 300 },
    );
  });

  it('runs only what had not ended when it goes on, and comes to the same end', async () => {
    await fc.assert(
      fc.asyncProperty(graphs, fc.integer({ min: 0, max: 24 }), async (plan, cut) => {
        const whole = await walk(plan);
        const kept = new Map([...whole.finished].slice(0, cut));
        const before = [...kept].filter(([, end]) => isFinal(end)).map(([name]) => name);

        const resumed = await walk(plan, kept);

        expect(resumed.started.filter((name) => before.includes(name))).toEqual([]);
        if (!whole.failed) expect([...resumed.finished.keys()].sort()).toEqual([...whole.finished.keys()].sort());
      }),
      { numRuns: 200 },
    );
  });

  it('lets work in progress finish and rejects with the first error when a checkpoint cannot be kept', async () => {
    const definition = buildWorkflow({
      name: 'two',
      nodes: ['a', 'b', 'c'].map((name) => ({
        name,
        after: name === 'c' ? ['a', 'b'] : [],
        action: { type: 'constant', value: 1 },
      })),
    });
    const started: string[] = [];

    const walking = traverse({
      definition,
      finished: new Map(),
      parallel: 8,
      async run(node) {
        started.push(node.name);
        return record(node, 'succeeded');
      },
      skip: (node) => record(node, 'skipped'),
      checkpoint: (kept) => (kept.node === 'a' ? Promise.reject(new Error('disk full')) : Promise.resolve(kept)),
    });

    await expect(walking).rejects.toThrow('disk full');
    expect(started).toEqual(['a', 'b']);
  });
});
