import { chaosNotice } from '../chaos/chaos-notice.js';
import type { ResolvedChaosOptions } from '../chaos/chaos.options.js';
import { ChaosPolicy } from '../chaos/chaos.policy.js';
import { ChaosRecord } from '../chaos/chaos-record.js';
import type { BulkheadReading } from '../bulkhead/bulkhead.policy.js';
import { changeCircuits, type Circuits, createCircuits } from '../circuit-breaker/circuit-breaker.policy.js';
import type { ResolvedCircuitBreakerOptions } from '../circuit-breaker/circuit-breaker.options.js';
import type { Circuit } from '../circuit-breaker/circuit.js';
import { CircuitRules } from '../circuit-breaker/circuit-rules.js';
import { DeadLetterPolicy } from '../dead-letter/dead-letter.policy.js';
import type { ResolvedDeadLetterOptions } from '../dead-letter/dead-letter.options.js';
import { CallStats } from '../engine/call-stats.js';
import type { DeadLetterSink } from '../engine/dead-letter-sink.js';
import type { PipelineParts } from '../engine/pipeline-parts.js';
import type { PolicyContext } from '../engine/policy-context.js';
import { FallbackPolicy } from '../fallback/fallback.policy.js';
import { HedgePolicy } from '../hedge/hedge.policy.js';
import { HedgeRecord } from '../hedge/hedge-record.js';
import type { RateLimitReading } from '../rate-limit/token-buckets.js';
import { RetryBudget, type RetryBudgetReading } from '../retry/retry-budget.js';
import { RetryPolicy } from '../retry/retry.policy.js';
import { TimeoutPolicy } from '../timeout/timeout.policy.js';
import { PermitRegistry } from './permit-registry.js';
import type { ResolvedPolicy } from './policy.options.js';
import { takesEffect } from './same-options.js';
import { SharedAnswers } from './shared-answers.js';

export interface PolicyRegistryParts {
  readonly context: PolicyContext;
  /** Makes the sink of one method's dead letters. */
  readonly deadLetters: (options: ResolvedDeadLetterOptions, target: string) => DeadLetterSink;
  /** Told when two declarations of one circuit or cache disagree (the first one wins), and what a policy cannot do. */
  readonly warn?: (message: string) => void;
}

export interface BuildOptions {
  /** Index of the parameter that takes the attempt, -1 for none. */
  readonly attemptIndex: number;
  /** Whose retry budget it is, when methods share a named policy. @default the method's own */
  readonly sharedName?: string | undefined;
  /** What was in effect until now, when a running application is reconfigured. */
  readonly before?: ResolvedPolicy | undefined;
}

/** More kinds of options than this are rare, and looking through them would cost the start. */
const MAX_SHARED_RULES = 20;

/** The state behind all policies of one application: circuits, retry budgets and statistics, by name. */
export class PolicyRegistry {
  readonly stats = new Map<string, CallStats>();
  readonly answers: SharedAnswers;
  readonly hedges = new Map<string, HedgeRecord>();
  readonly chaos = new Map<string, ChaosRecord>();
  private readonly rules: CircuitRules[] = [];
  private readonly circuitsByName = new Map<string, Circuits>();
  private readonly budgets = new Map<string, RetryBudget>();
  private readonly permits: PermitRegistry;

  constructor(private readonly parts: PolicyRegistryParts) {
    this.permits = new PermitRegistry(parts.context, parts.warn);
    this.answers = new SharedAnswers(parts.context, parts.warn);
  }

  get context(): PolicyContext {
    return this.parts.context;
  }

  /** Same clock, events and dead letters, but state of its own that nobody lists. */
  detached(): PolicyRegistry {
    return new PolicyRegistry(this.parts);
  }

  /** Makes the policies of one call ready to run. What carries state is shared with others of the same name. */
  build(
    name: string,
    policy: ResolvedPolicy,
    { attemptIndex, sharedName = name, before }: BuildOptions,
  ): PipelineParts {
    const { context } = this.parts;
    const { retry, circuitBreaker, timeout, fallback, deadLetter } = policy;
    return {
      name,
      context,
      stats: this.statsOf(name),
      attemptIndex,
      deadLetter: deadLetter && new DeadLetterPolicy(deadLetter, this.parts.deadLetters(deadLetter, name)),
      fallback: fallback && new FallbackPolicy(fallback, context),
      cache:
        policy.cache && this.answers.cache(name, policy.cache, attemptIndex, before?.cache, refusedResults(policy)),
      coalesce: policy.coalesce && this.answers.coalesce(name, policy.coalesce, attemptIndex),
      timeout: timeout && new TimeoutPolicy(timeout, context),
      retry: retry && new RetryPolicy(retry, context, retry.budget && this.budgetOf(sharedName, retry.budget)),
      hedge: policy.hedge && new HedgePolicy(policy.hedge, context, this.hedgeRecordOf(name)),
      breakers: circuitBreaker && this.circuitsOf(circuitBreaker.name ?? name, circuitBreaker, before?.circuitBreaker),
      permits: this.permits.build(name, policy, before),
      chaos: policy.chaos && this.chaosOf(name, policy.chaos),
    };
  }

  /** Every circuit that exists now; a keyed breaker has one per key seen. */
  *circuits(): Iterable<Circuit> {
    for (const circuits of this.circuitsByName.values()) yield* circuits.circuits();
  }

  /** Only of policies that retry within a budget. */
  *retryBudgets(): Iterable<RetryBudgetReading> {
    for (const [name, { active, retrying, limit }] of this.budgets) yield { name, active, retrying, limit };
  }

  bulkheads(): Iterable<BulkheadReading> {
    return this.permits.bulkheads.values();
  }

  rateLimits(): Iterable<RateLimitReading> {
    return this.permits.rateLimits.values();
  }

  private statsOf(name: string): CallStats {
    let stats = this.stats.get(name);
    if (stats === undefined) this.stats.set(name, (stats = new CallStats()));
    return stats;
  }

  private budgetOf(name: string, options: { ratio: number; min: number }): RetryBudget {
    let budget = this.budgets.get(name);
    if (budget === undefined) this.budgets.set(name, (budget = new RetryBudget(options.ratio, options.min)));
    else budget.reconfigure(options.ratio, options.min);
    return budget;
  }

  private hedgeRecordOf(name: string): HedgeRecord {
    let record = this.hedges.get(name);
    if (record === undefined) this.hedges.set(name, (record = new HedgeRecord(name)));
    return record;
  }

  /** Said aloud, once per name unless it changes; one that is switched off for good is not there. */
  private chaosOf(name: string, options: ResolvedChaosOptions): ChaosPolicy | undefined {
    if (options.enabled === false) return undefined;
    const record = this.chaos.get(name) ?? new ChaosRecord(name);
    const policy = new ChaosPolicy(options, this.parts.context, name, record);
    const notice = chaosNotice(name, options);
    if (record.notice !== notice) this.parts.warn?.(notice);
    record.notice = notice;
    this.chaos.set(name, record);
    return policy;
  }

  /** Circuits that are judged alike share their rules: with one set each, options would take more memory than outcomes. */
  private rulesFor(options: ResolvedCircuitBreakerOptions): CircuitRules {
    const known = this.rules.find((rules) => rules.isMadeOf(options));
    if (known !== undefined) return known;
    const rules = new CircuitRules(options, this.parts.context);
    if (this.rules.length < MAX_SHARED_RULES) this.rules.push(rules);
    return rules;
  }

  private circuitsOf(
    name: string,
    options: ResolvedCircuitBreakerOptions,
    before: ResolvedCircuitBreakerOptions | undefined,
  ): Circuits {
    const known = this.circuitsByName.get(name);
    if (known !== undefined) {
      const declarations = { known: known.rules.options, declared: options, before };
      if (!takesEffect(`Circuit '${name}'`, declarations, this.parts.warn)) return known;
    }
    const rules = this.rulesFor(options);
    const circuits = known === undefined ? createCircuits(name, rules) : changeCircuits(known, rules);
    this.circuitsByName.set(name, circuits);
    return circuits;
  }
}

/** What is not accepted as a success, and so is not kept. */
function refusedResults({ retry, fallback = [] }: ResolvedPolicy): ((value: unknown) => boolean) | undefined {
  const judges = [retry?.retryOnResult, ...fallback.map(({ onResult }) => onResult)].filter((one) => one !== undefined);
  return judges.length === 0 ? undefined : (value) => judges.some((refuses) => refuses(value));
}
