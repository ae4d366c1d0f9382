import { afterEach, describe, expect, it } from '@jest/globals';
import { createPolicy, ShutdownWait, systemClock } from '@nest-resilience/core';
import fc from 'fast-check';
import { Executor } from '../executor/executor.js';
import type { ExecutionLedger } from '../ledger/execution.js';
import { MemoryExecutionStore } from '../ledger/memory.store.js';
import { HandlerTable } from '../registry/handlers.js';
import { WorkflowRegistry } from '../registry/workflow-registry.js';
import { RequestClient } from '../request/request.client.js';
import { readRequestOptions } from '../request/request.options.js';
import { DEFAULT_WORKFLOW_LIMITS } from '../workflow.limits.js';
import { buildWorkflow, checkWorkflow } from './build.js';
import type { NodeDraft, WorkflowDraft } from './draft.js';

const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 300);
/** A busy machine takes its time; a graph that hangs is still found. */
const TIMEOUT_MS = 600_000 + RUNS * 200;

/** How a node behaves: fails so often, for good or not, then answers. */
interface Behaviour {
  readonly failures: number;
  readonly permanent: boolean;
  readonly retries: number;
  /** Turns of the event loop that each attempt takes. */
  readonly turns: number;
}

interface Plan extends Behaviour {
  /** Earlier nodes, by number. */
  readonly after: readonly number[];
  readonly optional: boolean;
  readonly skipped: boolean;
  readonly fallbacks: readonly Behaviour[];
}

const behaviour = (failing: boolean): fc.Arbitrary<Behaviour> =>
  fc.record({
    failures: failing ? fc.integer({ min: 0, max: 3 }) : fc.constant(0),
    permanent: failing ? fc.boolean() : fc.constant(false),
    retries: fc.integer({ min: 0, max: 2 }),
    turns: fc.integer({ min: 0, max: 3 }),
  });

const graphs = (failing: boolean): fc.Arbitrary<readonly Plan[]> =>
  fc.integer({ min: 1, max: 14 }).chain((count) =>
    fc.tuple(
      ...Array.from({ length: count }, (_, index) =>
        fc
          .record({
            after: fc.uniqueArray(fc.integer({ min: 0, max: Math.max(0, index - 1) }), {
              maxLength: index === 0 ? 0 : 4,
            }),
            optional: failing ? fc.boolean() : fc.constant(false),
            skipped: failing ? fc.integer({ min: 0, max: 9 }).map((n) => n === 0) : fc.constant(false),
            fallbacks: fc.array(behaviour(failing), { maxLength: failing ? 2 : 0 }),
          })
          .chain((rest) => behaviour(failing).map((own) => ({ ...rest, ...own }))),
      ),
    ),
  );

const nameOf = (index: number): string => `n${index}`;
const standbyOf = (index: number, level: number): string => `n${index}_fallback${level}`;

/** What a run did: who was at work when. */
class Watch {
  atWork = 0;
  most = 0;
  readonly events: string[] = [];

  begin(node: string): void {
    this.events.push(`start ${node}`);
    this.most = Math.max(this.most, ++this.atWork);
  }

  end(node: string): void {
    this.events.push(`end ${node}`);
    this.atWork--;
  }
}

function draftOf(plans: readonly Plan[], watch: Watch): WorkflowDraft {
  const step = (name: string, by: Behaviour): NodeDraft => {
    let calls = 0;
    return {
      name,
      retry: { maxRetries: by.retries, strategy: 'immediate', budget: false },
      action: {
        type: 'run',
        run: async ({ results, node }) => {
          watch.begin(node);
          for (let turn = 0; turn < by.turns; turn++) await new Promise((resolve) => setImmediate(resolve));
          watch.end(node);
          if (calls++ < by.failures) throw Object.assign(new Error('no luck'), { isRetryable: !by.permanent });
          return answerOf(name, results, plans);
        },
      },
    };
  };
  const nodes = plans.flatMap((plan, index): NodeDraft[] => [
    {
      ...step(nameOf(index), plan),
      after: plan.after.map(nameOf),
      optional: plan.optional,
      fallback: plan.fallbacks.map((_, level) => standbyOf(index, level)),
      ...(plan.skipped && { when: 'false' }),
    },
    ...plan.fallbacks.map((fallback, level) => step(standbyOf(index, level), fallback)),
  ]);
  // Written backwards, so that the written order is never the order by accident.
  return { name: 'random', nodes: nodes.reverse() };
}

/** Depends on everything the node may see directly, so that a wrong order or a lost result shows. */
function answerOf(name: string, results: Readonly<Record<string, unknown>>, plans: readonly Plan[]): string {
  const plan = plans[Number(/\d+/.exec(name)?.[0])]!;
  return `${name}(${plan.after.map((other) => (results[nameOf(other)] as string | undefined) ?? '-').join(',')})`.slice(
    0,
    2_000,
  );
}

interface Expected {
  readonly status: 'succeeded' | 'failed' | 'skipped';
  readonly result?: string;
  readonly level: number;
  readonly attempts: number;
  /** Only reached in a run that nothing failed before. */
  readonly stops: boolean;
}

/** The plain reference: one node after the other, the policies as sentences. */
function reference(plans: readonly Plan[]): Map<string, Expected> {
  const records = new Map<string, Expected>();
  const results: Record<string, unknown> = {};
  plans.forEach((plan, index) => {
    const name = nameOf(index);
    const parents = plan.after.map((other) => records.get(nameOf(other))!);
    if (plan.skipped || (parents.length > 0 && parents.every(({ status }) => status === 'skipped'))) {
      records.set(name, { status: 'skipped', level: 0, attempts: 0, stops: false });
      return;
    }
    let attempts = 0;
    const tries = [plan, ...plan.fallbacks];
    const level = tries.findIndex((by) => {
      const lasting = by.failures > 0 && (by.permanent || by.failures > by.retries);
      attempts += lasting ? (by.permanent ? 1 : by.retries + 1) : by.failures + 1;
      return !lasting;
    });
    if (level < 0) {
      records.set(name, { status: 'failed', level: 0, attempts, stops: !plan.optional });
      return;
    }
    const result = answerOf(level === 0 ? name : standbyOf(index, level - 1), results, plans);
    results[name] = result;
    records.set(name, { status: 'succeeded', result, level, attempts, stops: false });
  });
  return records;
}

const executors: Executor[] = [];
afterEach(async () => {
  await Promise.all(executors.splice(0).map((executor) => executor.dispatcher.shutdown()));
});

async function run(draft: WorkflowDraft, parallelNodes: number): Promise<ExecutionLedger> {
  const store = new MemoryExecutionStore();
  const registry = new WorkflowRegistry();
  registry.load([buildWorkflow(draft)], [], { handlerProblem: () => undefined, hasLlm: false });
  const executor: Executor = new Executor({
    store,
    registry,
    handlers: new HandlerTable({}, () => []),
    llm: undefined,
    clock: systemClock,
    closing: new ShutdownWait(systemClock),
    limits: { ...DEFAULT_WORKFLOW_LIMITS, parallelNodes },
    requests: new RequestClient(readRequestOptions(undefined), systemClock),
    createPolicy: (definition, node) =>
      createPolicy({ ...(node ?? definition).policies.options, name: node?.name ?? definition.name }),
    driveWithDeadLetter: (_workflow, id) => executor.dispatcher.drive(id),
    keepNode: async () => undefined,
    keepItem: async () => undefined,
    report: () => undefined,
  });
  executors.push(executor);
  const { execution } = await executor.start(draft.name, {});
  const ended = async (): Promise<ExecutionLedger> => {
    const now = await store.get(execution.id);
    if (now && now.status !== 'queued' && now.status !== 'running') return now;
    await new Promise<void>((resolve) => executor.dispatcher.onEnd(execution.id, resolve));
    return ended();
  };
  return ended();
}

describe('a random graph', () => {
  it(
    `without failures: each node after those it waits for, never too many at once, the reference's results (${RUNS} graphs)`,
    async () => {
      await fc.assert(
        fc.asyncProperty(graphs(false), fc.integer({ min: 1, max: 4 }), async (plans, parallel) => {
          const watch = new Watch();
          const ledger = await run(draftOf(plans, watch), parallel);
          const expected = reference(plans);

          expect(ledger.status).toBe('succeeded');
          expect(Object.fromEntries(ledger.nodes.map(({ node, result }) => [node, result]))).toEqual(
            Object.fromEntries([...expected].map(([node, { result }]) => [node, result])),
          );
          expect(watch.most).toBeLessThanOrEqual(parallel);
          plans.forEach(({ after }, index) => {
            for (const other of after)
              expect(watch.events.indexOf(`end ${nameOf(other)}`)).toBeLessThan(
                watch.events.indexOf(`start ${nameOf(index)}`),
              );
          });
          expect(watch.events.length).toBe(plans.length * 2);
        }),
        { numRuns: RUNS },
      );
    },
    TIMEOUT_MS,
  );

  it(
    `with failures, retries, fallbacks, conditions and optional nodes: what the model of the policies says (${RUNS} graphs)`,
    async () => {
      await fc.assert(
        fc.asyncProperty(graphs(true), fc.integer({ min: 1, max: 4 }), async (plans, parallel) => {
          const ledger = await run(draftOf(plans, new Watch()), parallel);
          const expected = reference(plans);

          // Nothing new starts after a failure, so of a failed run only a part was reached; what was reached is as modelled.
          const stopping = [...expected].filter(([, { stops }]) => stops).map(([node]) => node);
          expect(ledger.status).toBe(stopping.length > 0 ? 'failed' : 'succeeded');
          if (stopping.length > 0) expect(stopping).toContain(ledger.error?.node);
          else expect(ledger.nodes).toHaveLength(plans.length);
          for (const { node, status, result, fallbackLevel, attemptCount } of ledger.nodes) {
            const { status: asked, level, attempts } = expected.get(node)!;
            expect({ node, status, level: fallbackLevel, attempts: attemptCount }).toEqual({
              node,
              status: asked,
              level,
              attempts,
            });
            expect(result).toBe(expected.get(node)?.result);
          }
          const degraded = ledger.nodes.some(({ fallbackLevel, status }) => fallbackLevel > 0 || status === 'failed');
          if (ledger.status === 'succeeded') expect(ledger.degraded).toBe(degraded);
        }),
        { numRuns: RUNS },
      );
    },
    TIMEOUT_MS,
  );

  it(
    `with a cycle is refused, and the cycle named (${RUNS} graphs)`,
    () => {
      fc.assert(
        fc.property(graphs(false), fc.nat(), fc.nat(), (plans, from, to) => {
          const draft = draftOf(plans, new Watch());
          const [first, last] = [from % plans.length, to % plans.length].sort((a, b) => a - b) as [number, number];
          // A way from the first to the last, and back again.
          const extra = new Map<string, string[]>([[nameOf(first), [nameOf(last)]]]);
          for (let index = first + 1; index <= last; index++) extra.set(nameOf(index), [nameOf(index - 1)]);
          const nodes = draft.nodes.map((node) => ({
            ...node,
            after: [...((node.after ?? []) as string[]), ...(extra.get(node.name) ?? [])],
          }));

          const { definition, problems } = checkWorkflow({ ...draft, nodes });

          expect(definition).toBeUndefined();
          expect(problems.map(({ message }) => message).join('\n')).toMatch(/waits for itself: (n\d+) .*-> \1$/m);
        }),
        { numRuns: RUNS },
      );
    },
    TIMEOUT_MS,
  );
});
