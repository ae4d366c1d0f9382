import { Inject, Injectable, type OnModuleDestroy, Optional } from '@nestjs/common';
import {
  type CircuitHandle,
  option,
  type PolicyOptions,
  type Random,
  RESILIENCE_RANDOM,
  ResilienceService,
} from '@nest-resilience/core';
import { FigureTable } from '@nest-resilience/core/kit';
import { LLM_BUDGET_STORE, type LlmBudgetStore } from './budget/budget-store.js';
import { Budgets } from './budget/budgets.js';
import { AnswerCache } from './cache/answer-cache.js';
import { chooseTargets, readRequest } from './chain/read-request.js';
import type { Dimensions, EmbeddingTarget } from './chain/embed.js';
import { LlmChain } from './chain/llm-chain.js';
import { LLM_SHARED_LIMITS, type SharedLimits } from './chain/shared-limits.js';
import { stateOf } from './chain/target-state.js';
import { infoOf, type LlmTargetInfo, type LlmTargetView, viewOf } from './chain/target-view.js';
import { RecentTries } from './health/recent-figures.js';
import { createTarget, type LlmTarget } from './chain/llm-target.js';
import { CheckBudget, costsOf } from './health/check-budget.js';
import { Connectivity } from './health/connectivity.js';
import { llmFigures } from './llm.figures.js';
import { Guards } from './guard/guards.js';
import type { LlmBudgetEvent } from './llm.events.js';
import { LlmMetrics, type LlmMetricsSnapshot } from './llm.metrics.js';
import type { LlmRequest, LlmStreamRequest } from './llm.request.js';
import type { LlmResult, LlmTry } from './llm.result.js';
import { LlmStream } from './llm.stream.js';
import { LLM_OPTIONS } from './llm.tokens.js';
import { chainEmbedding } from './model/chain-embedding.js';
import { chainModel } from './model/chain-model.js';
import { forEachTarget } from './options/check-options.js';
import type { ResolvedLlmOptions } from './options/resolved-options.js';
import { sharedKeys } from './providers/api-keys.js';
import { createProvider } from './providers/create-provider.js';
import { LlmEmbedder } from './providers/embedder.js';
import type { SdkEmbeddingModel, SdkModel } from './providers/model-call.js';
import type { LlmProvider } from './providers/provider.js';

/** Which targets a model of {@link LlmService.model} may ask. */
export interface LlmModelChoice {
  readonly only?: readonly string[] | undefined;
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
  private readonly vectors: readonly EmbeddingTarget[];
  private readonly dimensions: Dimensions;
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
    @Inject(FigureTable) figures: FigureTable,
    @Optional() @Inject(LLM_SHARED_LIMITS) shared?: SharedLimits,
    @Optional() @Inject(LLM_BUDGET_STORE) store?: LlmBudgetStore,
  ) {
    const { clock, events } = resilience;
    const createPolicy = (policy: PolicyOptions) => resilience.policy(policy);
    const outside = { clock, random, shared, stop: this.stopping.signal };
    const withKeys = sharedKeys(clock, random);
    this.all = forEachTarget(options.targets, (target) =>
      createTarget(target, createProvider(withKeys(target)), createPolicy, outside),
    );
    this.vectors = forEachTarget(options.embeddings, (target) => {
      const provider = new LlmEmbedder(withKeys(target));
      return { ...createTarget(target, provider as never, createPolicy, outside), provider, options: target };
    });
    shared?.onCool((name, ms) =>
      [...this.all, ...this.vectors].find(({ circuit }) => circuit === name)?.cooldown.cool(ms),
    );
    this.dimensions = { known: options.embeddings.find(({ dimensions }) => dimensions !== undefined)?.dimensions };
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
    const tell = (event: LlmBudgetEvent) => {
      if (events.listens('resilience.llm.budget')) events.emit('resilience.llm.budget', event);
    };
    const budgets = new Budgets({ budget: options.budget, budgets: options.budgets, clock, store, tell });
    const guards = options.guards && new Guards(options.guards);
    const answers = options.cache && new AnswerCache(options.cache, clock);
    const cache = answers?.counts;
    figures.add(
      ...llmFigures({
        counts: this.counters,
        targets: this.all,
        cache,
        health: () => this.connectivity.all(),
        budgets: () => budgets.view(),
      }),
    );
    this.chain = new LlmChain({
      ...{
        clock,
        events,
        metrics: this.counters,
        heals: options.heals,
        hedge: options.hedge,
        tried,
        guards,
        answers,
        budgets,
      },
      balance: { by: options.balance, random },
    });
  }

  /**
   * One answer, with a checked `object` when the request has a schema.
   * @throws ResilienceOptionsError when the request itself cannot work
   * @throws LlmUnavailableError when no target could answer
   * @throws whatever a provider answered to a request that is the caller's fault, unchanged; the signal's reason after an abort
   */
  async complete<T = unknown>(request: LlmRequest<T>): Promise<LlmResult<T>> {
    const { chain, request: asked } = readRequest(request, this.all, 'whole');
    return (await this.chain.generate<T>(chain, asked, request)).result;
  }

  /**
   * The answer's text as it comes.
   * @throws ResilienceOptionsError when the request itself cannot work; everything else is thrown by the iteration
   */
  stream(request: LlmStreamRequest): LlmStream {
    const { chain, request: asked } = readRequest(request, this.all, 'stream');
    return new LlmStream(this.chain, chain, asked, request);
  }

  /**
   * The chain as a model for `generateText`, `streamText`, `generateObject` and agents of `ai` 6 and 7, with tools, images and files.
   * Who answered is in `providerMetadata.resilience`.
   * @param name where to start, as `model` of {@link complete}; the rest of the chain stays behind it
   * @param options.only names of the targets that may answer at all, also as fallbacks
   * @throws ResilienceOptionsError when no target has this name
   */
  model(name?: string, { only }: LlmModelChoice = {}): SdkModel {
    const at = new option.Place('LlmService.model()');
    const targets = chooseTargets(this.all, name, at, only);
    at.finish();
    return chainModel(this.chain, targets, name ?? 'chain');
  }

  /**
   * The chain of `embeddings` as a model for `embed` and `embedMany` of `ai` 6 and 7. All targets make vectors of one length; an answer of
   * another one counts as a failure of its target.
   * @param name where to start, as `model` of {@link complete}; the others stay behind it
   * @throws ResilienceOptionsError when no target has this name, or none is configured
   */
  embedding(name?: string, { only }: LlmModelChoice = {}): SdkEmbeddingModel {
    const at = new option.Place('LlmService.embedding()');
    if (this.vectors.length === 0) at.refuse(name, "a target in 'embeddings' of LlmModule");
    at.finish();
    const targets = chooseTargets(this.vectors, name, at, only);
    at.finish();
    return chainEmbedding(this.chain, targets, name ?? 'chain', this.dimensions);
  }

  /** Who is asked, in which order. */
  targets(): readonly LlmTargetInfo[] {
    return this.all.map(infoOf);
  }

  /** How each target stands at the moment, in the order in which they are asked. */
  view(): readonly LlmTargetView[] {
    return [...this.circuits].map(([target, circuit], order) => {
      const { name, model } = target.options;
      return viewOf(target, circuit, order, this.connectivity.of(name), this.recent.of(`${name}:${model}`));
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

/** As everywhere in health: what is older than three intervals is stale. */
const STALE_INTERVALS = 3;

function firstOfEach(targets: readonly LlmTarget[]): LlmProvider[] {
  const providers = new Map<string, LlmProvider>();
  for (const { provider } of targets) if (!providers.has(provider.name)) providers.set(provider.name, provider);
  return [...providers.values()];
}
