import { Inject, Injectable } from '@nestjs/common';

import { CircuitHandle } from '../circuit-breaker/circuit-handle.js';
import type { CircuitSnapshot } from '../circuit-breaker/circuit.js';
import type { CountedDeadLetterStore } from '../dead-letter/counted.store.js';
import { DeadLetterStore } from '../dead-letter/dead-letter.store.js';
import type { CallStats, MethodMetrics } from '../engine/call-stats.js';
import type { Clock } from '../engine/clock.js';
import { ResilienceError } from '../engine/errors.js';
import type { EventSink } from '../engine/events.js';
import { nearest } from '../engine/options.js';
import { type ExecuteOptions, type Policy, type PolicyFunction, registerPolicy } from '../policy/create-policy.js';
import type { PolicyOptions } from '../policy/policy.options.js';
import { layersOf, type PolicyReport } from './policy-report.js';
import { type ResolvedModuleOptions } from './resilience.options.js';
import { ResilienceRuntime } from './resilience.runtime.js';
import { RESILIENCE_MODULE_OPTIONS, RESILIENCE_RUNTIME } from './tokens.js';

/** Everything the application did with its policies, per method and circuit. */
export interface ResilienceMetrics {
  readonly methods: Readonly<Record<string, MethodMetrics>>;
  readonly circuits: Readonly<Record<string, CircuitSnapshot>>;
  readonly deadLetters: { readonly size: number; readonly byQueue: Readonly<Record<string, number>> };
}

/** Policies without decorators, circuits by name, and metrics. */
@Injectable()
export class ResilienceService {
  private readonly named = new Map<string, Policy>();
  private readonly byOptions = new WeakMap<PolicyOptions, Policy>();

  constructor(
    @Inject(RESILIENCE_RUNTIME) private readonly runtime: ResilienceRuntime,
    @Inject(RESILIENCE_MODULE_OPTIONS) private readonly options: ResolvedModuleOptions,
    @Inject(DeadLetterStore) private readonly store: CountedDeadLetterStore,
  ) {}

  get clock(): Clock {
    return this.runtime.registry.context.clock;
  }

  get events(): EventSink {
    return this.runtime.registry.context.events;
  }

  /**
   * Runs a function through a policy: a name from `forRoot({ policies })`, options, or a policy made before.
   * A policy is remembered per options object: an object literal at the call makes a new circuit each time, so keep the
   * object, name it, or use {@link policy} where a circuit should remember.
   */
  execute<T>(policy: string | PolicyOptions | Policy, fn: PolicyFunction<T>, options?: ExecuteOptions): Promise<T> {
    return this.resolve(policy).execute(fn, options);
  }

  /** A policy that lives in this application: its circuit, statistics, events and dead letters are the application's. */
  policy(options: PolicyOptions): Policy {
    return registerPolicy(this.runtime.registry, options);
  }

  /** The circuit of that name; of a keyed breaker, `name[key]`. */
  circuit(name: string): CircuitHandle {
    for (const circuit of this.runtime.registry.circuits())
      if (circuit.name === name) return new CircuitHandle(circuit);
    const names = this.circuits().map((circuit) => circuit.name);
    const near = nearest(name, names);
    throw new ResilienceError(
      `No circuit '${name}'${near === undefined ? '' : ` (did you mean '${near}'?)`}; a circuit exists from the first call of its method. Known: ${names.join(', ') || 'none'}`,
      'RESILIENCE_UNKNOWN_CIRCUIT',
      name,
    );
  }

  circuits(): CircuitHandle[] {
    return [...this.runtime.registry.circuits()].map((circuit) => new CircuitHandle(circuit));
  }

  /** Statistics of every protected method and policy that was built. */
  *methodStats(): Iterable<{ readonly name: string; readonly stats: CallStats }> {
    for (const [name, stats] of this.runtime.registry.stats) yield { name, stats };
  }

  /** Everything counted so far. Costs no I/O. */
  metrics(): ResilienceMetrics {
    const byQueue = this.store.open;
    return {
      methods: Object.fromEntries([...this.methodStats()].map(({ name, stats }) => [name, stats.snapshot()])),
      circuits: Object.fromEntries(this.circuits().map((circuit) => [circuit.name, circuit.snapshot()])),
      deadLetters: { size: Object.values(byQueue).reduce((sum, count) => sum + count, 0), byQueue: { ...byQueue } },
    };
  }

  /**
   * What protects what, in effective order: every decorated method of the application's classes, then `forRoot({ policies })`.
   * Classes of lazily loaded modules appear with their first call.
   */
  policies(): PolicyReport[] {
    const methods = [...this.runtime.protectedMethods()].map(({ name, policy }) => ({
      name,
      declaredIn: policy.className,
      layers: layersOf(policy.declared, (kind) => policy.sources[kind] ?? 'method'),
    }));
    const named = [...this.options.policies].map(([name, policy]) => ({
      name,
      declaredIn: null,
      layers: layersOf(policy, () => 'named'),
    }));
    return [...methods, ...named];
  }

  /** Ties an instance that Nest did not create (a request-scoped factory's) to this application's policies. Returns it. */
  bind<T extends object>(instance: T): T {
    this.runtime.bind(instance);
    return instance;
  }

  private resolve(policy: string | PolicyOptions | Policy): Policy {
    if (typeof policy !== 'string') return isPolicy(policy) ? policy : this.inlined(policy);
    let known = this.named.get(policy);
    if (known !== undefined) return known;
    const options = this.options.input.policies?.[policy];
    if (options === undefined) {
      const names = [...this.options.policies.keys()];
      throw new ResilienceError(
        `No policy '${policy}' in ResilienceModule.forRoot({ policies }); known: ${names.join(', ') || 'none'}`,
        'RESILIENCE_UNKNOWN_POLICY',
        policy,
      );
    }
    known = this.policy({ ...options, name: options.name ?? policy });
    this.named.set(policy, known);
    return known;
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

function isPolicy(policy: PolicyOptions | Policy): policy is Policy {
  return 'execute' in policy && typeof policy.execute === 'function';
}
