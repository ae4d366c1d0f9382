import { Inject, Injectable, type OnModuleDestroy, Optional } from '@nestjs/common';
import {
  type CircuitHandle,
  type FailureReason,
  type OptionProblem,
  type Policy,
  type PolicyOptions,
  type Random,
  RESILIENCE_RANDOM,
  ResilienceOptionsError,
  ResilienceService,
} from '@nest-resilience/core';
import { readRequest } from './chain/read-request.js';
import { LlmChain } from './chain/llm-chain.js';
import { LLM_SHARED_LIMITS, type SharedLimits } from './chain/shared-limits.js';
import { stateOf, type TargetState } from './chain/target-state.js';
import type { LlmProviderHealth } from './health/health-record.js';
import { RecentTries } from './health/recent-figures.js';
import { createTarget, type LlmTarget, type TimeAndChance } from './chain/llm-target.js';
import { CheckBudget } from './health/check-budget.js';
import { Connectivity } from './health/connectivity.js';
import type { LlmCost } from './llm.options.js';
import { LlmMetrics, type LlmMetricsSnapshot } from './llm.metrics.js';
import type { LlmRequest, LlmStreamRequest } from './llm.request.js';
import type { LlmResult, LlmTry } from './llm.result.js';
import { LlmStream } from './llm.stream.js';
import { LLM_OPTIONS } from './llm.tokens.js';
import { circuitNameOf, type ResolvedLlmOptions, type ResolvedTarget } from './options/resolved-options.js';
import { createProvider } from './providers/create-provider.js';
import type { LlmProvider } from './providers/provider.js';

/** What {@link LlmService.targets} tells about one model of one provider. */
export type LlmTargetInfo = Pick<
  ResolvedTarget,
  'kind' | 'model' | 'priority' | 'cost' | 'quality' | 'contextWindow'
> & {
  readonly provider: string;
  /** Name of its circuit: `llm:<provider>:<model>`. */
  readonly circuit: string;
};

/** How a target stands at the moment, see {@link LlmService.view}. */
export interface LlmTargetView {
  readonly provider: string;
  readonly model: string;
  readonly kind: ResolvedTarget['kind'];
  /** Place in the chain, 0 the first choice. */
  readonly order: number;
  /** Of its provider. */
  readonly health: Pick<LlmProviderHealth, 'status' | 'reason' | 'ageMs' | 'skipped'>;
  readonly state: TargetState['state'];
  /** State of its circuit. */
  readonly circuit: string;
  readonly cooldown?: { readonly reason: FailureReason; readonly forMs: number };
  /** What its limits still have, this minute. */
  readonly room: { readonly requests?: number; readonly tokens?: number };
  readonly inFlight: number;
  readonly recent: ReturnType<RecentTries['of']>;
}

/**
 * Asks the configured models, one after the other until one answers: each under its own circuit, retries, timeout and limits.
 * What the caller itself did wrong (bad request, refused content, a text too long for every model) is thrown at once.
 */
@Injectable()
export class LlmService implements OnModuleDestroy {
  /** Last evidence about each provider. */
  readonly connectivity: Connectivity;
  /** What checks may still cost. */
  readonly checkBudget: CheckBudget;
  /** One per provider, for checks. */
  readonly providers: readonly LlmProvider[];
  private readonly chain: LlmChain;
  private readonly all: readonly LlmTarget[];
  /** Ends all that is waited for. */
  private readonly stopping = new AbortController();
  private readonly counters = new LlmMetrics();
  private readonly circuits: ReadonlyMap<LlmTarget, CircuitHandle>;
  private readonly recent: RecentTries;

  /** @throws ResilienceOptionsError when a provider's policies cannot work */
  constructor(
    @Inject(LLM_OPTIONS) readonly options: ResolvedLlmOptions,
    @Inject(ResilienceService) resilience: ResilienceService,
    @Inject(RESILIENCE_RANDOM) random: Random,
    @Optional() @Inject(LLM_SHARED_LIMITS) shared?: SharedLimits,
  ) {
    const { clock, events } = resilience;
    this.all = createTargets(options.targets, (policy) => resilience.policy(policy), {
      clock,
      random,
      shared,
      stop: this.stopping.signal,
    });
    shared?.onCool((name, ms) => this.all.find(({ circuit }) => circuit === name)?.cooldown.cool(ms));
    this.providers = firstOfEach(this.all);
    this.recent = new RecentTries(clock);
    const circuits = new Map(this.all.map((target) => [target, resilience.circuit(target.circuit)]));
    this.circuits = circuits;
    const states = (provider: string) =>
      [...circuits].flatMap(([target, circuit]) =>
        target.options.name === provider ? [stateOf(target, circuit)] : [],
      );
    const budget = new CheckBudget(options.health.maxCostPerDay, costsOf(this.all, this.providers), clock);
    this.checkBudget = budget;
    const free = new Set(this.providers.filter(({ kind }) => kind === 'offline').map(({ name }) => name));
    this.connectivity = new Connectivity(
      this.providers.map(({ name }) => name),
      {
        clock,
        targets: states,
        staleAfterMs: STALE_INTERVALS * options.health.interval,
        paidChecks: (provider) => (free.has(provider) ? undefined : budget.spentOn(provider)),
      },
    );
    const tried = (entry: LlmTry) => {
      this.counters.tried(entry);
      this.connectivity.tried(entry);
      this.recent.tried(entry);
    };
    this.chain = new LlmChain({ clock, events, metrics: this.counters, heals: options.heals, tried });
  }

  /**
   * One answer, with a checked `object` when the request has a schema.
   * @throws ResilienceOptionsError when the request itself cannot work
   * @throws LlmUnavailableError when no target could answer
   * @throws whatever a provider answered to a request that is the caller's fault, unchanged; the signal's reason after an abort
   */
  async complete<T = unknown>(request: LlmRequest<T>): Promise<LlmResult<T>> {
    const { chain, request: asked } = readRequest(request, this.all);
    const { schema, signal } = request;
    return this.chain.complete<T>(chain, asked, { ...(schema !== undefined && { schema }), ...(signal && { signal }) });
  }

  /**
   * The answer's text as it comes.
   * @throws ResilienceOptionsError when the request itself cannot work; everything else is thrown by the iteration
   */
  stream(request: LlmStreamRequest): LlmStream {
    const { chain, request: asked } = readRequest(request, this.all);
    return new LlmStream(this.chain, chain, asked, request.signal);
  }

  /** Who is asked, in which order. */
  targets(): readonly LlmTargetInfo[] {
    return this.all.map(({ options: { name, kind, model, priority, cost, quality, contextWindow } }) => ({
      provider: name,
      kind,
      model,
      priority,
      circuit: circuitNameOf({ name, model }),
      ...(cost && { cost }),
      ...(quality !== undefined && { quality }),
      ...(contextWindow !== undefined && { contextWindow }),
    }));
  }

  /** How each target stands at the moment, in the order in which they are asked. */
  view(): readonly LlmTargetView[] {
    return [...this.circuits].map(([target, circuit], order): LlmTargetView => {
      const { options, cooldown, tokens } = target;
      const { name: provider, model, kind } = options;
      const { status, reason, ageMs, skipped } = this.connectivity.of(provider);
      const because = cooldown.reason;
      return {
        ...{ provider, model, kind, order },
        health: {
          status,
          ...(reason && { reason }),
          ...(ageMs !== undefined && { ageMs }),
          ...(skipped && { skipped }),
        },
        state: stateOf(target, circuit).state,
        circuit: circuit.state,
        ...(because && { cooldown: { reason: because, forMs: cooldown.remainingMs } }),
        room: tokens.room(),
        inFlight: tokens.inFlight,
        recent: this.recent.of(`${provider}:${model}`),
      };
    });
  }

  /** Nobody waits any longer: the application ends. */
  onModuleDestroy(): void {
    this.stopping.abort();
  }

  /** A check went well: the key is good, and when a model was asked, there is money too. */
  proven(provider: string, asked: boolean): void {
    const mended = asked ? (['auth', 'quota'] as const) : (['auth'] as const);
    for (const { options, cooldown } of this.all) if (options.name === provider) cooldown.lift(...mended);
  }

  /** A check was told to come back later: that holds for what is asked of the model too. */
  cooled(provider: string, error: unknown): void {
    this.all.find(({ options }) => options.name === provider)?.cooldown.failed(error);
  }

  /** Calls, tokens and money since the start of the process. */
  metrics(): LlmMetricsSnapshot {
    return this.counters.snapshot();
  }
}

/** One error for the policies of all targets. */
function createTargets(
  targets: readonly ResolvedTarget[],
  createPolicy: (options: PolicyOptions) => Policy,
  outside: TimeAndChance,
): LlmTarget[] {
  const problems: OptionProblem[] = [];
  const created = targets.flatMap((options) => {
    try {
      return [createTarget(options, createProvider(options), createPolicy, outside)];
    } catch (error) {
      if (!(error instanceof ResilienceOptionsError)) throw error;
      problems.push(...error.problems);
      return [];
    }
  });
  if (problems.length > 0) throw new ResilienceOptionsError(problems);
  return created;
}

/** As everywhere in health: what is older than three intervals is stale. */
const STALE_INTERVALS = 3;

/** Of the models that are asked when a provider is checked. */
function costsOf(targets: readonly LlmTarget[], checked: readonly LlmProvider[]): ReadonlyMap<string, LlmCost> {
  const asked = targets.filter(({ provider }) => checked.includes(provider));
  return new Map(asked.flatMap(({ options: { name, cost } }) => (cost === undefined ? [] : [[name, cost] as const])));
}

function firstOfEach(targets: readonly LlmTarget[]): LlmProvider[] {
  const providers = new Map<string, LlmProvider>();
  for (const { provider } of targets) if (!providers.has(provider.name)) providers.set(provider.name, provider);
  return [...providers.values()];
}
