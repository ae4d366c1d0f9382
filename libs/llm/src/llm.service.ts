import { Inject, Injectable, type OnModuleDestroy, Optional } from '@nestjs/common';
import { option, type Random, RESILIENCE_RANDOM, ResilienceService } from '@nest-resilience/core';
import { FigureTable } from '@nest-resilience/core/kit';
import { isDeepStrictEqual } from 'node:util';
import { LLM_BUDGET_STORE, type LlmBudgetStore, type LocalSums } from './budget/budget-store.js';
import { Budgets } from './budget/budgets.js';
import { AnswerCache } from './cache/answer-cache.js';
import { chooseTargets, readRequest } from './chain/read-request.js';
import { type ChainSurroundings, LlmChain } from './chain/llm-chain.js';
import { ModelFactory, type Models } from './chain/models.js';
import { LLM_SHARED_LIMITS, type SharedLimits } from './chain/shared-limits.js';
import { stateOf } from './chain/target-state.js';
import { infoOf, type LlmTargetInfo, type LlmTargetView, viewOf } from './chain/target-view.js';
import { RecentTries } from './health/recent-figures.js';
import { CheckBudget, costsOf } from './health/check-budget.js';
import { Connectivity } from './health/connectivity.js';
import { llmFigures } from './llm.figures.js';
import { Guards } from './guard/guards.js';
import type { LlmBudgetEvent } from './llm.events.js';
import { LlmMetrics, type LlmMetricsSnapshot } from './llm.metrics.js';
import type { LlmRequest, LlmStreamRequest } from './llm.request.js';
import type { LlmResult } from './llm.result.js';
import { LlmStream } from './llm.stream.js';
import { LLM_OPTIONS } from './llm.tokens.js';
import { chainEmbedding } from './model/chain-embedding.js';
import { chainModel } from './model/chain-model.js';
import { refuseUnknownModels } from './endpoint/endpoint.options.js';
import type { LlmModuleOptions } from './llm.options.js';
import { checkLlmOptions } from './options/check-options.js';
import { readLlmOptions } from './options/read-options.js';
import type { ResolvedLlmOptions } from './options/resolved-options.js';
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
  private readonly chain: LlmChain;
  private readonly factory: ModelFactory;
  private models: Models;
  /** Ends all that is waited for. */
  private readonly stopping = new AbortController();
  private readonly counters = new LlmMetrics();
  private readonly recent: RecentTries;
  private readonly spent = new Map<string | undefined, LocalSums>();
  private budgets: Budgets;
  private answers: AnswerCache | undefined;
  private inEffect: ResolvedLlmOptions;

  /** @throws ResilienceOptionsError when a provider's policies cannot work */
  constructor(
    @Inject(LLM_OPTIONS) options: ResolvedLlmOptions,
    @Inject(ResilienceService) private readonly resilience: ResilienceService,
    @Inject(RESILIENCE_RANDOM) private readonly random: Random,
    @Inject(FigureTable) figures: FigureTable,
    @Optional() @Inject(LLM_SHARED_LIMITS) shared?: SharedLimits,
    @Optional() @Inject(LLM_BUDGET_STORE) private readonly store?: LlmBudgetStore,
  ) {
    const { clock } = resilience;
    this.inEffect = options;
    this.factory = new ModelFactory(resilience, random, { shared, stop: this.stopping.signal });
    this.models = this.factory.make(options);
    shared?.onCool((name, ms) => {
      const { all, vectors } = this.models;
      [...all, ...vectors].find(({ circuit }) => circuit === name)?.cooldown.cool(ms);
    });
    this.recent = new RecentTries(clock);
    const { all, providers } = this.models;
    this.checkBudget = new CheckBudget(options.health.maxCostPerDay, costsOf(all, providers), clock);
    this.connectivity = new Connectivity(this.providerNames(), {
      clock,
      targets: (provider) =>
        [...this.models.circuits].flatMap(([target, circuit]) =>
          target.options.name === provider ? [stateOf(target, circuit)] : [],
        ),
      staleAfterMs: () => STALE_INTERVALS * this.options.health.interval,
      paidChecks: (provider) =>
        this.providers.some(({ name, kind }) => name === provider && kind === 'offline')
          ? undefined
          : this.checkBudget.spentOn(provider),
    });
    this.answers = options.cache && new AnswerCache(options.cache, clock);
    this.budgets = this.budgetsOf(options);
    this.chain = new LlmChain(this.surroundings());
    figures.add(
      ...llmFigures({
        counts: this.counters,
        targets: () => this.models.all,
        cache: this.answers && (() => this.answers?.counts ?? NOTHING_KEPT),
        health: () => this.connectivity.all(),
        budgets: () => this.budgets.view(),
      }),
    );
  }

  /** In effect at present. */
  get options(): ResolvedLlmOptions {
    return this.inEffect;
  }

  /** One per provider, for checks. */
  get providers(): readonly LlmProvider[] {
    return this.models.providers;
  }

  /**
   * Takes other options in effect while the application runs, as a whole. Calls that run end with what they began with; a target whose options
   * are the same keeps its limits and cooldown, one with the same name its circuit. Sums of budgets stay.
   * @throws ResilienceOptionsError with every problem, and nothing is changed
   */
  reconfigure(options: LlmModuleOptions): void {
    checkLlmOptions(options);
    const resolved = readLlmOptions(options);
    const at = new option.Place('LlmModule');
    const [path, before] = [resolved.endpoint?.path, this.options.endpoint?.path];
    if (path !== before)
      at.at('endpoint')
        .at('path')
        .refuse(path, `${before ?? 'no endpoint'}: routes are made at the start`);
    if (resolved.endpoint) refuseUnknownModels(resolved, at);
    at.finish();
    const keepsAnswers = isDeepStrictEqual(resolved.cache, this.options.cache);
    this.inEffect = resolved;
    this.models = this.factory.make(resolved, this.models);
    this.checkBudget.reconfigure(resolved.health.maxCostPerDay, costsOf(this.models.all, this.providers));
    this.connectivity.reconfigure(this.providerNames());
    if (!keepsAnswers) this.answers = resolved.cache && new AnswerCache(resolved.cache, this.resilience.clock);
    this.budgets = this.budgetsOf(resolved);
    this.chain.surroundings = this.surroundings();
  }

  /**
   * One answer, with a checked `object` when the request has a schema.
   * @throws ResilienceOptionsError when the request itself cannot work
   * @throws LlmUnavailableError when no target could answer
   * @throws whatever a provider answered to a request that is the caller's fault, unchanged; the signal's reason after an abort
   */
  async complete<T = unknown>(request: LlmRequest<T>): Promise<LlmResult<T>> {
    const { chain, request: asked } = readRequest(request, this.models.all, 'whole');
    return (await this.chain.generate<T>(chain, asked, request)).result;
  }

  /**
   * The answer's text as it comes.
   * @throws ResilienceOptionsError when the request itself cannot work; everything else is thrown by the iteration
   */
  stream(request: LlmStreamRequest): LlmStream {
    const { chain, request: asked } = readRequest(request, this.models.all, 'stream');
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
    const targets = this.ofNow((at) => chooseTargets(this.models.all, name, at, only), 'LlmService.model()');
    return chainModel(this.chain, targets, name ?? 'chain');
  }

  /**
   * The chain of `embeddings` as a model for `embed` and `embedMany` of `ai` 6 and 7. All targets make vectors of one length; an answer of
   * another one counts as a failure of its target.
   * @param name where to start, as `model` of {@link complete}; the others stay behind it
   * @throws ResilienceOptionsError when no target has this name, or none is configured
   */
  embedding(name?: string, { only }: LlmModelChoice = {}): SdkEmbeddingModel {
    const targets = this.ofNow((at) => {
      const { vectors } = this.models;
      if (vectors.length === 0) at.refuse(name, "a target in 'embeddings' of LlmModule");
      return vectors.length === 0 ? vectors : chooseTargets(vectors, name, at, only);
    }, 'LlmService.embedding()');
    return chainEmbedding(this.chain, targets, name ?? 'chain', () => this.models.dimensions);
  }

  /** Who is asked, in which order. */
  targets(): readonly LlmTargetInfo[] {
    return this.models.all.map(infoOf);
  }

  /** How each target stands at the moment, in the order in which they are asked. */
  view(): readonly LlmTargetView[] {
    return [...this.models.circuits].map(([target, circuit], order) => {
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
    for (const { options, cooldown } of this.models.all) if (options.name === provider) cooldown.lift(...mended);
  }

  /** A check was told to come back later: that holds for what is asked of the model too. */
  cooled(provider: string, error: unknown): void {
    this.models.all.find(({ options }) => options.name === provider)?.cooldown.failed(error);
  }

  /** Calls, tokens and money since the start of the process. */
  metrics(): LlmMetricsSnapshot {
    return this.counters.snapshot();
  }

  private providerNames(): string[] {
    return this.providers.map(({ name }) => name);
  }

  private budgetsOf({ budget, budgets }: ResolvedLlmOptions): Budgets {
    const { clock, events } = this.resilience;
    const tell = (event: LlmBudgetEvent) => {
      if (events.listens('resilience.llm.budget')) events.emit('resilience.llm.budget', event);
    };
    return new Budgets({ budget, budgets, clock, store: this.store, tell, sums: this.spent });
  }

  /** What the chain has of the options in effect. */
  private surroundings(): ChainSurroundings {
    const { heals, hedge, balance, guards } = this.options;
    const { clock, events } = this.resilience;
    return {
      ...{ clock, events, metrics: this.counters, heals, hedge, answers: this.answers, budgets: this.budgets },
      tried: (entry) => {
        this.counters.tried(entry);
        this.connectivity.tried(entry);
        this.recent.tried(entry);
      },
      guards: guards && new Guards(guards),
      balance: { by: balance, random: this.random },
    };
  }

  /** Chooses at once, so that a wrong name is told here, and again when there are others. */
  private ofNow<T>(choose: (at: option.Place) => T, door: string): () => T {
    let chosen: { readonly of: Models; readonly targets: T } | undefined;
    const targets = () => {
      if (chosen?.of === this.models) return chosen.targets;
      const at = new option.Place(door);
      const now = choose(at);
      at.finish();
      chosen = { of: this.models, targets: now };
      return now;
    };
    targets();
    return targets;
  }
}

/** As everywhere in health: what is older than three intervals is stale. */
const STALE_INTERVALS = 3;
const NOTHING_KEPT = { hits: 0, misses: 0, failures: 0 };
