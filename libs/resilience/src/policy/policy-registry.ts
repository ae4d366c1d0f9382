import { type Circuits, createCircuits } from '../circuit-breaker/circuit-breaker.policy.js';
import type { ResolvedCircuitBreakerOptions } from '../circuit-breaker/circuit-breaker.options.js';
import type { Circuit } from '../circuit-breaker/circuit.js';
import { CircuitRules } from '../circuit-breaker/circuit-rules.js';
import { DeadLetterPolicy } from '../dead-letter/dead-letter.policy.js';
import type { ResolvedDeadLetterOptions } from '../dead-letter/dead-letter.options.js';
import { CallStats } from '../engine/call-stats.js';
import type { DeadLetterSink } from '../engine/dead-letter-sink.js';
import { Permits } from '../engine/permits.js';
import type { PipelineParts } from '../engine/pipeline-parts.js';
import type { PolicyContext } from '../engine/policy-context.js';
import { FallbackPolicy } from '../fallback/fallback.policy.js';
import { RetryBudget } from '../retry/retry-budget.js';
import { RetryPolicy } from '../retry/retry.policy.js';
import { TimeoutPolicy } from '../timeout/timeout.policy.js';
import type { ResolvedPolicy } from './policy.options.js';

export interface PolicyRegistryParts {
  readonly context: PolicyContext;
  /** Makes the sink of one method's dead letters. */
  readonly deadLetters: (options: ResolvedDeadLetterOptions, target: string) => DeadLetterSink;
  /** Told when two declarations of one circuit disagree; the first one wins. */
  readonly warn?: (message: string) => void;
}

/** The state behind all policies of one application: circuits, retry budgets and statistics, by name. */
export class PolicyRegistry {
  readonly stats = new Map<string, CallStats>();
  private readonly circuitsByName = new Map<string, Circuits>();
  private readonly budgets = new Map<string, RetryBudget>();

  constructor(private readonly parts: PolicyRegistryParts) {}

  get context(): PolicyContext {
    return this.parts.context;
  }

  /** Same clock, events and dead letters, but state of its own that nobody lists. */
  detached(): PolicyRegistry {
    return new PolicyRegistry(this.parts);
  }

  /** Makes the policies of one call ready to run. What carries state is shared with others of the same name. */
  build(name: string, policy: ResolvedPolicy, attemptIndex: number): PipelineParts {
    const { context } = this.parts;
    const { retry, circuitBreaker, timeout, fallback, deadLetter } = policy;
    return {
      name,
      context,
      stats: this.statsOf(name),
      attemptIndex,
      deadLetter: deadLetter && new DeadLetterPolicy(deadLetter, this.parts.deadLetters(deadLetter, name)),
      fallback: fallback && new FallbackPolicy(fallback, context),
      cache: undefined,
      coalesce: undefined,
      timeout: timeout && new TimeoutPolicy(timeout, context),
      retry: retry && new RetryPolicy(retry, context, retry.budget && this.budgetOf(name, retry.budget)),
      hedge: undefined,
      breakers: circuitBreaker && this.circuitsOf(circuitBreaker.name ?? name, circuitBreaker),
      permits: Permits.of(),
      chaos: undefined,
    };
  }

  /** Every circuit that exists now; a keyed breaker has one per key seen. */
  *circuits(): Iterable<Circuit> {
    for (const circuits of this.circuitsByName.values()) yield* circuits.circuits();
  }

  private statsOf(name: string): CallStats {
    let stats = this.stats.get(name);
    if (stats === undefined) this.stats.set(name, (stats = new CallStats()));
    return stats;
  }

  private budgetOf(name: string, options: { ratio: number; min: number }): RetryBudget {
    let budget = this.budgets.get(name);
    if (budget === undefined) this.budgets.set(name, (budget = new RetryBudget(options.ratio, options.min)));
    return budget;
  }

  private circuitsOf(name: string, options: ResolvedCircuitBreakerOptions): Circuits {
    const known = this.circuitsByName.get(name);
    if (known !== undefined) {
      if (!sameOptions(known.rules.options, options)) {
        this.parts.warn?.(`Circuit '${name}' is declared twice with different options; the first declaration wins`);
      }
      return known;
    }
    const circuits = createCircuits(name, new CircuitRules(options, this.parts.context));
    this.circuitsByName.set(name, circuits);
    return circuits;
  }
}

/** Functions are compared by their text: the same decorator written on two methods makes two closures. */
function sameOptions(a: ResolvedCircuitBreakerOptions, b: ResolvedCircuitBreakerOptions): boolean {
  const text = (options: ResolvedCircuitBreakerOptions): string =>
    JSON.stringify({ ...options, name: '' }, (_key, value: unknown) =>
      typeof value === 'function' ? String(value) : value,
    );
  return a === b || text(a) === text(b);
}
