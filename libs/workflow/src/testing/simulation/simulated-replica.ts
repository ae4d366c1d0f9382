import type { Clock } from '@nest-resilience/core';
import { Executor } from '../../executor/executor.js';
import type { WorkflowDefinition } from '../../graph/definition.js';
import type { MemoryExecutionStore } from '../../ledger/memory.store.js';
import { HandlerTable, type WorkflowHandler } from '../../registry/handlers.js';
import { WorkflowRegistry } from '../../registry/workflow-registry.js';
import { RequestClient } from '../../request/request.client.js';
import { readRequestOptions } from '../../request/request.options.js';
import { DEFAULT_WORKFLOW_LIMITS } from '../../workflow.limits.js';
import type { Member, SimulatedBroker } from './simulated-broker.js';
import { overNetwork } from './simulated-ledger.js';
import type { SimulatedTime } from './simulated-time.js';

const LEASE_MS = 10_000;
const SWEEP_MS = 3_000;
const LAST_MS = 5_000;
/** Clocks of replicas differ by so much. */
const SKEW_MS = 10_000;
const EPOCH = Date.UTC(2026, 0, 1);

export interface ReplicaParts {
  readonly number: number;
  readonly time: SimulatedTime;
  readonly ledger: MemoryExecutionStore;
  readonly broker: SimulatedBroker;
  readonly running: number;
  readonly handlers: Readonly<Record<string, WorkflowHandler>>;
  workflows(replica: { readonly clock: Clock; readonly number: number }): readonly WorkflowDefinition[];
}

/** One process: the executor as it is, on a clock, a network and a broker that are not. */
export class SimulatedReplica {
  readonly clock: Clock;
  readonly executor: Executor;
  readonly number: number;
  dead = false;
  private frozenUntil = 0;
  private cutUntil = 0;
  private readonly time: SimulatedTime;
  private readonly member: Member;
  private readonly broker: SimulatedBroker;

  constructor(parts: ReplicaParts) {
    const { number, time, ledger, broker, running, handlers: given } = parts;
    this.number = number;
    this.time = time;
    this.broker = broker;
    const skewMs = Math.round((time.random() - 0.5) * SKEW_MS);
    this.clock = {
      now: () => time.now,
      epochNow: () => EPOCH + Math.round(time.now) + skewMs,
      setTimer: (callback, delayMs) => this.timer(callback, delayMs),
    };
    this.member = broker.join(this);
    const { clock, member } = this;
    const registry = new WorkflowRegistry();
    const handlers = new HandlerTable(given, () => []);
    registry.load(parts.workflows(this), [], { handlerProblem: (target) => handlers.problem(target), hasLlm: false });
    this.executor = new Executor({
      ...{ store: overNetwork(ledger, time, this), registry, handlers, llm: undefined, clock, patience: clock },
      ...{ limits: { ...DEFAULT_WORKFLOW_LIMITS, running }, random: time.random },
      closing: {
        forWork: (work, limitMs) => this.inTime(work, limitMs),
        forLast: (work) => this.inTime(work, LAST_MS),
      },
      requests: new RequestClient(readRequestOptions(undefined), clock),
      createPolicy: () => {
        throw new Error('the simulation has no policies of nodes and runs: leave them out');
      },
      driveWithDeadLetter: (_, id) => this.executor.dispatcher.drive(id),
      keepNode: () => Promise.resolve(undefined),
      keepItem: () => Promise.resolve(undefined),
      report: () => undefined,
      cluster: {
        ...{ replicaId: `r${number}`, leaseMs: LEASE_MS, sweepMs: SWEEP_MS },
        dispatch: {
          start: (worker) => Promise.resolve(void (member.worker = worker)),
          offer: (work) => (this.dead ? undefined : broker.offer(this, work)),
          pause: () => Promise.resolve(void (member.worker = undefined)),
          close: () => Promise.resolve(broker.leave(member)),
          onForgotten: (listener) => void member.forgotten.push(listener),
        },
        bus: {
          publish: (news) => (this.dead ? undefined : broker.tell(this, news)),
          subscribe: (listener) => void member.listeners.push(listener),
        },
      },
    });
  }

  get isCut(): boolean {
    return this.time.now < this.cutUntil;
  }

  /** As soon as this process is awake; never once it is dead. */
  soon(act: () => void): void {
    if (this.dead) return;
    if (this.time.now < this.frozenUntil) this.time.at(this.frozenUntil - this.time.now, () => this.soon(act));
    else act();
  }

  kill(): void {
    this.dead = true;
    this.broker.leave(this.member);
  }

  freeze(ms: number): void {
    this.frozenUntil = this.time.now + ms;
  }

  cut(ms: number): void {
    this.cutUntil = this.time.now + ms;
  }

  private inTime(work: Promise<unknown>, limitMs: number): Promise<boolean> {
    const late = new Promise<boolean>((resolve) => this.timer(() => resolve(false), limitMs));
    return Promise.race([work.then(() => true), late]);
  }

  private timer(callback: () => void, delayMs: number) {
    let cancelled = false;
    this.time.at(delayMs, () => this.soon(() => (cancelled ? undefined : callback())));
    return { cancel: () => void (cancelled = true), ref: () => undefined, unref: () => undefined };
  }
}
