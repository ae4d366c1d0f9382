import { Inject, Injectable } from '@nestjs/common';
import {
  type CircuitHandle,
  type CircuitStateName,
  option,
  type OptionProblem,
  type PolicyOptions,
  type Random,
  RESILIENCE_RANDOM,
  ResilienceOptionsError,
  ResilienceService,
} from '@nest-resilience/core';
import { chooseTargets, readRequest } from './chain/read-request.js';
import type { Dimensions, EmbeddingTarget } from './chain/embed.js';
import { LlmChain } from './chain/llm-chain.js';
import { createTarget, type LlmTarget } from './chain/llm-target.js';
import { CheckBudget } from './health/check-budget.js';
import { Connectivity } from './health/connectivity.js';
import type { LlmCost } from './llm.options.js';
import { LlmMetrics, type LlmMetricsSnapshot } from './llm.metrics.js';
import type { LlmRequest, LlmStreamRequest } from './llm.request.js';
import type { LlmResult, LlmTry } from './llm.result.js';
import { LlmStream } from './llm.stream.js';
import { LLM_OPTIONS } from './llm.tokens.js';
import { chainEmbedding } from './model/chain-embedding.js';
import { chainModel } from './model/chain-model.js';
import { circuitNameOf, type ResolvedLlmOptions, type ResolvedTarget } from './options/resolved-options.js';
import { createProvider } from './providers/create-provider.js';
import { LlmEmbedder } from './providers/embedder.js';
import type { SdkEmbeddingModel, SdkModel } from './providers/model-call.js';
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

/** Which targets a model of {@link LlmService.model} may ask. */
export interface LlmModelChoice {
  readonly only?: readonly string[] | undefined;
}

/**
 * Asks the configured models, one after the other until one answers: each under its own circuit, retries, timeout and limits.
 * What the caller itself did wrong (bad request, refused content, a text too long for every model) is thrown at once.
 */
@Injectable()
export class LlmService {
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
  private readonly counters = new LlmMetrics();

  /** @throws ResilienceOptionsError when a provider's policies cannot work */
  constructor(
    @Inject(LLM_OPTIONS) readonly options: ResolvedLlmOptions,
    @Inject(ResilienceService) resilience: ResilienceService,
    @Inject(RESILIENCE_RANDOM) random: Random,
  ) {
    const { clock, events } = resilience;
    const createPolicy = (policy: PolicyOptions) => resilience.policy(policy);
    const outside = { clock, random };
    this.all = createTargets(options.targets, (target) =>
      createTarget(target, createProvider(target), createPolicy, outside),
    );
    this.vectors = createTargets(options.embeddings, (target) => {
      const provider = new LlmEmbedder(target);
      return { ...createTarget(target, provider as never, createPolicy, outside), provider, options: target };
    });
    this.dimensions = { known: options.embeddings.find(({ dimensions }) => dimensions !== undefined)?.dimensions };
    this.providers = firstOfEach(this.all);
    const circuits = new Map(this.providers.map(({ name }) => [name, circuitsOf(this.all, name, resilience)]));
    const budget = new CheckBudget(options.health.maxCostPerDay, costsOf(this.all, this.providers), clock);
    this.checkBudget = budget;
    const free = new Set(this.providers.filter(({ kind }) => kind === 'offline').map(({ name }) => name));
    this.connectivity = new Connectivity(
      this.providers.map(({ name }) => name),
      {
        clock,
        isShut: (provider) => circuits.get(provider)?.every(({ state }) => SHUT.includes(state)) === true,
        staleAfterMs: STALE_INTERVALS * options.health.interval,
        paidChecks: (provider) => (free.has(provider) ? undefined : budget.spentOn(provider)),
      },
    );
    const tried = (entry: LlmTry) => {
      this.counters.tried(entry);
      this.connectivity.tried(entry);
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
    const { chain, request: asked } = readRequest(request, this.all, 'whole');
    const { schema, signal } = request;
    const options = { ...(schema !== undefined && { schema }), ...(signal && { signal }) };
    return (await this.chain.generate<T>(chain, asked, options)).result;
  }

  /**
   * The answer's text as it comes.
   * @throws ResilienceOptionsError when the request itself cannot work; everything else is thrown by the iteration
   */
  stream(request: LlmStreamRequest): LlmStream {
    const { chain, request: asked } = readRequest(request, this.all, 'stream');
    return new LlmStream(this.chain, chain, asked, request.signal);
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

  /** Calls, tokens and money since the start of the process. */
  metrics(): LlmMetricsSnapshot {
    return this.counters.snapshot();
  }
}

/** One error for the policies of all targets. */
function createTargets<O, T>(targets: readonly O[], create: (options: O) => T): T[] {
  const problems: OptionProblem[] = [];
  const created = targets.flatMap((options) => {
    try {
      return [create(options)];
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

/** An open circuit whose time has come reads `half_open`: the next call may prove the provider. */
const SHUT: readonly CircuitStateName[] = ['open', 'forced_open'];

function circuitsOf(targets: readonly LlmTarget[], provider: string, resilience: ResilienceService): CircuitHandle[] {
  const models = targets.map(({ options }) => options).filter(({ name }) => name === provider);
  return models.map((options) => resilience.circuit(circuitNameOf(options)));
}

function firstOfEach(targets: readonly LlmTarget[]): LlmProvider[] {
  const providers = new Map<string, LlmProvider>();
  for (const { provider } of targets) if (!providers.has(provider.name)) providers.set(provider.name, provider);
  return [...providers.values()];
}
