import type { Random } from '@nest-resilience/core';
import type { LlmUsage } from '../llm.result.js';
import { costOf } from './cost.js';
import type { LlmTarget } from './llm-target.js';

export const BALANCES = ['order', 'weighted', 'least-busy', 'fastest', 'cheapest'] as const;

/** Who of several targets of one priority is asked first. */
export type LlmBalance = (typeof BALANCES)[number];

/** What an order may depend on. */
export interface Balancing {
  readonly by: LlmBalance;
  readonly random: Random;
  /** What the call is expected to use. */
  readonly expected: LlmUsage;
  readonly stream: boolean;
}

/** A chain in which the targets of each priority stand in the order in which this call asks them. */
export function balanced(chain: readonly LlmTarget[], balancing: Balancing): readonly LlmTarget[] {
  if (balancing.by === 'order') return chain;
  const tiers: LlmTarget[][] = [];
  for (const target of chain) {
    const tier = tiers.at(-1);
    if (tier?.[0] && isEqual(tier[0], target)) tier.push(target);
    else tiers.push([target]);
  }
  return tiers.flatMap((tier) => (tier.length === 1 ? tier : ordered(tier, balancing)));
}

/** Those that a call names stay before the others. */
function isEqual(a: LlmTarget, b: LlmTarget): boolean {
  return a.options.priority === b.options.priority && a.chosen === b.chosen;
}

/** Spread by weight first, so that those of which nothing else decides share the calls. */
function ordered(tier: readonly LlmTarget[], { by, random, expected, stream }: Balancing): LlmTarget[] {
  const spread = sortedBy(tier, ({ options: { weight } }) => drawn(weight, random()));
  switch (by) {
    case 'least-busy':
      return sortedBy(spread, ({ load }) => load.calls);
    case 'fastest':
      // Who was not measured yet is, by one call at a time.
      return sortedBy(spread, ({ load }) => load.averageMs(stream) ?? (load.calls === 0 ? -1 : Infinity));
    case 'cheapest':
      return sortedBy(spread, ({ options: { cost } }) => (cost && costOf(expected, cost)) ?? Infinity);
    default:
      return spread;
  }
}

/** Exponential, so that each is the smallest as often as its share of the weights says (Efraimidis and Spirakis, 2006). */
function drawn(weight: number, chance: number): number {
  return weight === 0 ? Infinity : -Math.log(1 - chance) / weight;
}

/** Stable, and without a difference of infinities. */
function sortedBy<T>(all: readonly T[], keyOf: (one: T) => number): T[] {
  return all
    .map((one) => ({ one, key: keyOf(one) }))
    .sort((a, b) => (a.key === b.key ? 0 : a.key < b.key ? -1 : 1))
    .map(({ one }) => one);
}
