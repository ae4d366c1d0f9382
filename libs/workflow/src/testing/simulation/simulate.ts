import type { Clock } from '@nest-resilience/core';
import { WorkflowBuilder } from '../../form/builder/workflow.builder.js';
import type { WorkflowDefinition } from '../../graph/definition.js';
import type { WorkflowHandler } from '../../registry/handlers.js';
import { History } from './history.js';
import { SimulatedBroker } from './simulated-broker.js';
import { type PlantedBug, simulatedLedger } from './simulated-ledger.js';
import { SimulatedReplica } from './simulated-replica.js';
import { SimulatedTime } from './simulated-time.js';

const FAULT_EVERY_MS = 500;
/** Everything has to end within this long after the last fault. */
const SETTLED_MS = 60_000;
const BORN_AGAIN_MS = 2_000;

export interface SimulationOptions {
  /** Chance is the same for the same seed. */
  readonly seed: number;
  /** @default 20 */
  readonly replicas?: number;
  /** Submitted over a minute, each with a key of its own. @default 300 */
  readonly executions?: number;
  /** Executions at once in a replica. @default 50 */
  readonly running?: number;
  /** For how long faults happen, milliseconds. @default 60000 */
  readonly faultsMs?: number;
  /** Yours, as each replica has them. Steps that wait must do so by the clock; nodes have no policies. */
  workflows(replica: {
    readonly clock: Clock;
    readonly number: number;
  }): readonly (WorkflowDefinition | WorkflowBuilder)[];
  readonly handlers?: Readonly<Record<string, WorkflowHandler>>;
  /** @default `{ place }` for the first workflow */
  submit?(place: number): { readonly workflow?: string; readonly input: unknown };
  /** Must be found. */
  readonly bug?: PlantedBug;
}

export interface SimulationReport {
  readonly accepted: number;
  /** Submissions whose answer was an error; those with a lost answer run all the same. */
  readonly refused: number;
  /** What must never be; empty when all is well. */
  readonly violations: readonly string[];
  readonly nodeStarts: number;
  /** Of them, again: after a kill, a freeze or a cut. */
  readonly startedAgain: number;
  readonly faults: Readonly<Record<Fault, number>>;
  /** The same for the same options: of every acceptance, claim, start, checkpoint and end. */
  readonly trace: string;
  /** Of simulated time. */
  readonly seconds: number;
}

type Fault = 'kill' | 'stop' | 'freeze' | 'cut' | 'flush' | 'nothing';
const FAULTS: readonly Fault[] = ['kill', 'stop', 'freeze', 'cut', 'flush', 'nothing'];

/**
 * Runs workflows on simulated replicas with the real executor: processes are killed, stopped and frozen, networks cut, messages lost and
 * doubled, clocks apart, and the broker forgets everything. Takes seconds, and does the same again for the same seed.
 * ```ts
 * const report = await simulateCluster({ seed: 1, workflows: ({ clock }) => [mine(clock)] });
 * expect(report.violations).toEqual([]);
 * ```
 */
export async function simulateCluster(options: SimulationOptions): Promise<SimulationReport> {
  const { replicas: count = 20, executions = 300, running = 50, faultsMs = 60_000 } = options;
  const time = new SimulatedTime(options.seed);
  const history = new History(time);
  const ledger = simulatedLedger(time, history, options.bug);
  const broker = new SimulatedBroker(time);
  const faults = { kill: 0, stop: 0, freeze: 0, cut: 0, flush: 0, nothing: 0 };
  /** How many a workflow has, by its name. */
  const nodes = new Map<string, number>();
  let [replicas, made, refused, submitted]: [SimulatedReplica[], number, number, number] = [[], 0, 0, 0];

  const born = (): void => {
    const replica = new SimulatedReplica({
      ...{ number: made++, time, ledger, broker, running, handlers: options.handlers ?? {} },
      workflows: (of) => {
        const definitions = options
          .workflows(of)
          .map((each) => (each instanceof WorkflowBuilder ? each.build() : each));
        for (const definition of definitions) nodes.set(definition.name, definition.nodes.size);
        return definitions.map((definition) => watched(definition, of.number, history));
      },
    });
    replicas.push(replica);
    void replica.executor.recover();
  };
  const submit = async (place: number): Promise<void> => {
    const replica = time.pick(replicas);
    const { workflow = [...nodes.keys()][0]!, input } = options.submit?.(place) ?? { input: { place } };
    try {
      if (!replica) throw new Error('nobody is there');
      const { execution } = await replica.executor.start(workflow, input, { idempotencyKey: `k${place}` });
      history.submitted(`k${place}`, execution);
    } catch {
      refused++;
    }
  };
  const gone = (replica: SimulatedReplica): void => {
    replicas = replicas.filter((each) => each !== replica);
    time.at(BORN_AGAIN_MS, born);
  };
  const strike = (fault: Fault, replica: SimulatedReplica): void => {
    faults[fault]++;
    time.note('fault', fault, replica.number);
    if (fault === 'freeze') replica.freeze(time.between(1_000, 21_000));
    else if (fault === 'cut') replica.cut(time.between(500, 6_500));
    else if (fault === 'flush') broker.flush();
    else if (fault === 'kill') replica.kill();
    else if (fault === 'stop') void replica.executor.shutdown().catch(() => undefined);
    if (fault === 'kill' || fault === 'stop') gone(replica);
  };

  for (let number = 0; number < count; number++) born();
  for (let place = 0; place < executions; place++)
    time.at(time.between(0, faultsMs), () => {
      submitted++;
      void submit(place);
    });
  for (let at = FAULT_EVERY_MS; at < faultsMs; at += FAULT_EVERY_MS)
    time.at(at, () => {
      const [fault, replica] = [time.pick(FAULTS)!, time.pick(replicas)];
      if (replica) strike(fault, replica);
    });

  await time.run(() => submitted === executions && time.now > faultsMs && history.allEnded, faultsMs + SETTLED_MS);
  for (const id of history.ids()) {
    const execution = await ledger.get(id);
    history.judge(execution, id, nodes.get(execution?.workflow ?? '') ?? 0);
  }
  for (const replica of replicas) replica.kill();
  const { accepted, violations, nodeStarts, startedAgain } = history;
  return {
    accepted,
    refused,
    violations,
    nodeStarts,
    startedAgain,
    faults,
    trace: time.hash(),
    seconds: time.now / 1_000,
  };
}

/** Tells of every start of a step. */
function watched(definition: WorkflowDefinition, replica: number, history: History): WorkflowDefinition {
  const nodes = [...definition.nodes].map(([name, node]) => {
    const { action } = node;
    if (action.type !== 'run') return [name, node] as const;
    const run: typeof action.run = (context) => {
      history.started(context.executionId, name, replica);
      return action.run(context);
    };
    return [name, { ...node, action: { ...action, run } }] as const;
  });
  return { ...definition, nodes: new Map(nodes) };
}
