import { isDeepStrictEqual } from 'node:util';
import type { CircuitHandle, PolicyOptions, Random, ResilienceService } from '@nest-resilience/core';
import { forEachTarget } from '../options/check-options.js';
import type { ResolvedEmbedding, ResolvedLlmOptions, ResolvedTarget } from '../options/resolved-options.js';
import { sharedKeys } from '../providers/api-keys.js';
import { createProvider } from '../providers/create-provider.js';
import { LlmEmbedder } from '../providers/embedder.js';
import type { LlmProvider } from '../providers/provider.js';
import type { Dimensions, EmbeddingTarget } from './embed.js';
import { createTarget, type LlmTarget, policiesOf, type TimeAndChance } from './llm-target.js';

/** All that may be asked, as one set of options has it. */
export interface Models {
  readonly all: readonly LlmTarget[];
  readonly vectors: readonly EmbeddingTarget[];
  readonly dimensions: Dimensions;
  /** One per provider, for checks. */
  readonly providers: readonly LlmProvider[];
  readonly circuits: ReadonlyMap<LlmTarget, CircuitHandle>;
}

/** Makes the targets of options, with what all of them have in common. */
export class ModelFactory {
  constructor(
    private readonly resilience: ResilienceService,
    private readonly random: Random,
    private readonly outside: Omit<TimeAndChance, 'clock' | 'random'>,
  ) {}

  /**
   * @param before targets whose options have not changed stay as they are: their limits, their cooldowns, what is known of their wires
   * @throws ResilienceOptionsError with every policy that cannot work
   */
  make({ targets, embeddings }: ResolvedLlmOptions, before?: Models): Models {
    const { resilience, random } = this;
    const withKeys = sharedKeys(resilience.clock, random);
    const all = forEachTarget(targets, (options) => {
      const known = find(before?.all, options);
      return isSame(known, options) ? known : this.create(options, createProvider(withKeys(options)), known);
    });
    const vectors = forEachTarget(embeddings, (options): EmbeddingTarget => {
      const known = find(before?.vectors, options);
      if (isSame(known, options)) return known;
      const provider = new LlmEmbedder(withKeys(options));
      return { ...this.create(options, provider as never, known), provider, options };
    });
    const dimensions = embeddings.find((one) => one.dimensions !== undefined)?.dimensions;
    return {
      ...{ all, vectors, providers: firstOfEach(all) },
      dimensions: { known: dimensions ?? (vectors.length > 0 ? before?.dimensions.known : undefined) },
      circuits: new Map(all.map((target) => [target, resilience.circuit(target.circuit)])),
    };
  }

  private create(
    options: ResolvedTarget,
    provider: LlmProvider,
    known: { readonly options: ResolvedTarget } | undefined,
  ): LlmTarget {
    const { resilience, random, outside } = this;
    const before = known && policiesOf(known.options);
    const createPolicy = (policy: PolicyOptions, kind: 'whole' | 'stream') => resilience.policy(policy, before?.[kind]);
    const { clock } = resilience;
    return createTarget(options, provider, createPolicy, { clock, random, ...outside });
  }
}

function find<T extends { readonly options: ResolvedTarget }>(
  all: readonly T[] | undefined,
  { name, model }: ResolvedTarget,
): T | undefined {
  return all?.find(({ options }) => options.name === name && options.model === model);
}

function isSame<T extends { readonly options: ResolvedTarget | ResolvedEmbedding }>(
  known: T | undefined,
  options: ResolvedTarget,
): known is T {
  return known !== undefined && isDeepStrictEqual(known.options, options);
}

function firstOfEach(targets: readonly LlmTarget[]): LlmProvider[] {
  const providers = new Map<string, LlmProvider>();
  for (const { provider } of targets) if (!providers.has(provider.name)) providers.set(provider.name, provider);
  return [...providers.values()];
}
