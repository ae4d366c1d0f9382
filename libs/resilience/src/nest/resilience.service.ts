import { Inject, Injectable } from '@nestjs/common';

import type { BulkheadReading } from '../bulkhead/bulkhead.policy.js';
import type { CacheHandle } from '../cache/cached-results.js';
import { CircuitHandle } from '../circuit-breaker/circuit-handle.js';
import type { ChaosCounts } from '../chaos/chaos-record.js';
import type { CircuitSnapshot } from '../circuit-breaker/circuit-snapshot.js';
import type { CountedDeadLetterStore } from '../dead-letter/store/counted.store.js';
import { DeadLetterStore } from '../dead-letter/store/dead-letter.store.js';
import type { CallStats, MethodMetrics } from '../engine/call-stats.js';
import type { CircuitPeers, PeerCircuit } from '../engine/circuit-peers.js';
import type { Clock } from '../engine/clock.js';
import { type OptionProblem, ResilienceError, ResilienceOptionsError } from '../engine/errors.js';
import type { EventSink } from '../engine/events.js';
import { didYouMean } from '../engine/did-you-mean.js';
import { ShutdownWait } from '../engine/shutdown-wait.js';
import type { HedgeCounts } from '../hedge/hedge-record.js';
import {
  buildFunctionPolicy,
  type ExecuteOptions,
  type Policy,
  type PolicyFunction,
  type PolicyStream,
  refuseForFunctions,
  RegisteredPolicy,
  registerPolicy,
} from '../policy/create-policy.js';
import { collect, type PolicyOptions, refuseToBuild, type ResolvedPolicy } from '../policy/policy.options.js';
import type { RateLimitReading } from '../rate-limit/token-buckets.js';
import type { RetryBudgetReading } from '../retry/retry-budget.js';
import { layersOf, type PolicyReport } from './policy-report.js';
import { readNamedPolicies } from './resilience.options.js';
import { ResilienceRuntime } from './resilience.runtime.js';
import { RESILIENCE_RUNTIME } from './tokens.js';

/** Everything the application did with its policies, per method and circuit. */
export interface ResilienceMetrics {
  readonly methods: Readonly<Record<string, MethodMetrics>>;
  readonly circuits: Readonly<Record<string, CircuitSnapshot>>;
  readonly deadLetters: { readonly size: number; readonly byQueue: Readonly<Record<string, number>> };
}

/** Policies without decorators, circuits by name, and metrics. */
@Injectable()
export class ResilienceService {
  private readonly named = new Map<string, { readonly policy: RegisteredPolicy; resolved: ResolvedPolicy }>();
  private readonly byOptions = new WeakMap<PolicyOptions, Policy>();
  /** One for each circuit, so that it is known again. */
  private readonly handles = new WeakMap<object, CircuitHandle>();
  /** How long the shutdown of this application waits, and for whom: shared with whatever else has work to end. */
  readonly closing: ShutdownWait;

  constructor(
    @Inject(RESILIENCE_RUNTIME) private readonly runtime: ResilienceRuntime,
    @Inject(DeadLetterStore) private readonly store: CountedDeadLetterStore,
  ) {
    this.closing = new ShutdownWait(runtime.registry.context.clock);
  }

  get clock(): Clock {
    return this.runtime.registry.context.clock;
  }

  get events(): EventSink {
    return this.runtime.registry.context.events;
  }

  /**
   * Runs a function through a policy: a name from `forRoot({ policies })`, options, or a policy made before.
   * A policy is remembered per options object: an object literal at the call makes a new circuit each time, so keep the
   * object, name it, or use {@link policy} where a circuit should remember. Whatever is wrong, it rejects and never throws.
   */
  async execute<T>(
    policy: string | PolicyOptions | Policy,
    fn: PolicyFunction<T>,
    options?: ExecuteOptions,
  ): Promise<T> {
    return this.resolve(policy).execute(fn, options);
  }

  /** As {@link execute}, for a stream that is read item by item. */
  async *stream<T>(
    policy: string | PolicyOptions | Policy,
    fn: PolicyStream<T>,
    options?: ExecuteOptions,
  ): AsyncGenerator<T, void, undefined> {
    yield* this.resolve(policy).stream(fn, options);
  }

  /**
   * A policy that lives in this application: its circuit, statistics, events and dead letters are the application's.
   * @param before of one that this takes the place of, while the application runs: what it shares by its name is changed, not kept
   */
  policy(options: PolicyOptions, before?: PolicyOptions): Policy {
    return registerPolicy(this.runtime.registry, options, before);
  }

  /** The circuit of that name; of a keyed breaker, `name[key]`. */
  circuit(name: string): CircuitHandle {
    for (const circuit of this.runtime.registry.states.circuitBreaker.all())
      if (circuit.name === name) return new CircuitHandle(circuit);
    const names = this.circuits().map((circuit) => circuit.name);
    throw new ResilienceError(
      `No circuit '${name}'${didYouMean(name, names)}; a circuit exists from the first call of its method. Known: ${names.join(', ') || 'none'}`,
      'RESILIENCE_UNKNOWN_CIRCUIT',
      name,
    );
  }

  circuits(): CircuitHandle[] {
    return [...this.runtime.registry.states.circuitBreaker.all()].map((circuit) => {
      const handle = this.handles.get(circuit) ?? new CircuitHandle(circuit);
      this.handles.set(circuit, handle);
      return handle;
    });
  }

  /** For `@nest-resilience/cluster`: from now on, circuits agree with those of other processes. */
  joinPeers(peers: CircuitPeers): { find(name: string): PeerCircuit | undefined; all(): Iterable<PeerCircuit> } {
    const { context, states } = this.runtime.registry;
    context.peers = peers;
    for (const circuit of states.circuitBreaker.all()) peers.joined(circuit);
    return states.circuitBreaker;
  }

  /** Every bulkhead that was declared, to see how full it is. */
  bulkheads(): Iterable<BulkheadReading> {
    return this.runtime.registry.states.bulkhead.values();
  }

  /** Every rate limit that was declared, to see how many tokens are left. */
  rateLimits(): Iterable<RateLimitReading> {
    return this.runtime.registry.states.rateLimit.values();
  }

  /** Every retry budget, to see how much of it is used. */
  retryBudgets(): Iterable<RetryBudgetReading> {
    return this.runtime.registry.states.retry.values();
  }

  /** Statistics of every protected method and policy that was built. */
  *methodStats(): Iterable<{ readonly name: string; readonly stats: CallStats }> {
    for (const [name, stats] of this.runtime.registry.stats) yield { name, stats };
  }

  /** Every cache with its counters: of methods with `@Cache`, and of policies. */
  caches(): CacheHandle[] {
    return [...this.runtime.registry.states.cache.values()];
  }

  /** Calls that joined a running one, by policy. */
  *coalesced(): Iterable<{ readonly name: string; readonly joined: number }> {
    yield* this.runtime.registry.states.coalesce.values();
  }

  /** What the hedges of every policy did. */
  hedges(): Iterable<HedgeCounts> {
    return this.runtime.registry.states.hedge.values();
  }

  /** What chaos did to every policy that has it switched on. */
  chaos(): Iterable<ChaosCounts> {
    return this.runtime.registry.states.chaos.values();
  }

  /**
   * Everything counted so far. Costs no I/O.
   * @param circuits those to show; keyed breakers may have thousands. @default all
   */
  metrics(circuits: readonly CircuitHandle[] = this.circuits()): ResilienceMetrics {
    const byQueue = this.store.open;
    return {
      methods: Object.fromEntries([...this.methodStats()].map(({ name, stats }) => [name, stats.snapshot()])),
      circuits: Object.fromEntries(circuits.map((circuit) => [circuit.name, circuit.snapshot()])),
      deadLetters: { size: Object.values(byQueue).reduce((sum, count) => sum + count, 0), byQueue: { ...byQueue } },
    };
  }

  /**
   * Changes policies of `forRoot({ policies })` while the application runs, or adds some: named ones, and those laid over a
   * `'Class.method'`. Each given name is replaced as a whole, the others stay. Circuits, counters and listeners are kept;
   * calls that run end with what they began with.
   * @throws ResilienceOptionsError with every problem, and nothing is changed
   */
  reconfigure(policies: Readonly<Record<string, PolicyOptions>>): void {
    const book = this.runtime.policies.with(readNamedPolicies(policies, 'ResilienceService.reconfigure'));
    const { registry } = this.runtime;
    const problems: OptionProblem[] = [];
    const changes = [...this.named].flatMap(([name, known]) => {
      const next = collect(problems, () => {
        const resolved = book.resolve(name);
        refuseForFunctions(resolved, name);
        refuseToBuild(resolved, name);
        return resolved;
      });
      if (next === undefined) return [];
      return () => {
        known.policy.parts = buildFunctionPolicy(registry, known.policy.name, next, known.resolved);
        known.resolved = next;
      };
    });
    if (problems.length > 0) throw new ResilienceOptionsError(problems);
    this.runtime.reconfigure(book);
    for (const change of changes) change();
  }

  /**
   * What protects what, in effective order: every decorated method of the application's classes, then `forRoot({ policies })`.
   * Classes of lazily loaded modules appear with their first call.
   */
  policies(): PolicyReport[] {
    const book = this.runtime.policies;
    const protectedMethods = [...this.runtime.protectedMethods()];
    const methods = protectedMethods.map(({ name, policy, effective }) => ({
      name,
      declaredIn: policy.className,
      layers: layersOf(effective.resolved, (kind) => effective.sources[kind] ?? 'method'),
    }));
    const overlaid = new Set(protectedMethods.map(({ name }) => name));
    const named = Object.keys(book.named)
      .filter((name) => !overlaid.has(name))
      .map((name) => ({ name, declaredIn: null, layers: layersOf(book.resolve(name), () => 'named') }));
    return [...methods, ...named];
  }

  /** Ties an instance that Nest did not create (a request-scoped factory's) to this application's policies. Returns it. */
  bind<T extends object>(instance: T): T {
    this.runtime.bind(instance);
    return instance;
  }

  private resolve(policy: string | PolicyOptions | Policy): Policy {
    if (typeof policy !== 'string') {
      if (typeof policy !== 'object' || policy === null) throw noPolicy(policy);
      return isPolicy(policy) ? policy : this.inlined(policy);
    }
    let known = this.named.get(policy);
    if (known === undefined) {
      const { name = policy } = this.namedOptions(policy);
      const resolved = this.runtime.policies.resolve(policy);
      const parts = buildFunctionPolicy(this.runtime.registry, name, resolved);
      known = { policy: new RegisteredPolicy(name, parts), resolved };
      this.named.set(policy, known);
    }
    return known.policy;
  }

  private namedOptions(policy: string): PolicyOptions {
    const { named } = this.runtime.policies;
    if (Object.hasOwn(named, policy) && named[policy] !== undefined) return named[policy];
    throw new ResilienceError(
      `No policy '${policy}' in ResilienceModule.forRoot({ policies }); known: ${Object.keys(named).join(', ') || 'none'}`,
      'RESILIENCE_UNKNOWN_POLICY',
      policy,
    );
  }

  /** Kept by identity; without a name its circuit and statistics are nobody else's and go with the options object. */
  private inlined(options: PolicyOptions): Policy {
    let policy = this.byOptions.get(options);
    if (policy === undefined) {
      policy =
        options.name === undefined ? registerPolicy(this.runtime.registry.detached(), options) : this.policy(options);
      this.byOptions.set(options, policy);
    }
    return policy;
  }
}

function noPolicy(value: unknown): ResilienceOptionsError {
  const allowed = 'the name of a policy in forRoot({ policies }), options of one, or a policy made by policy(...)';
  return new ResilienceOptionsError([{ path: 'ResilienceService.execute > policy', value, allowed }]);
}

function isPolicy(policy: PolicyOptions | Policy): policy is Policy {
  return 'execute' in policy && typeof policy.execute === 'function';
}
