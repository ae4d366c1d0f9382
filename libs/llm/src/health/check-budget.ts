import type { Clock } from '@nest-resilience/core';
import { costOf } from '../chain/cost.js';
import type { LlmTarget } from '../chain/llm-target.js';
import type { LlmProvider } from '../providers/provider.js';
import type { LlmCost } from '../prices/cost.options.js';
import type { LlmUsage } from '../llm.result.js';
import type { LlmPaidChecks } from './health-record.js';

const DAY_MS = 86_400_000;
/** Spending is remembered in pieces of this length, so that a short interval does not fill the memory. */
const SLOT_MS = 300_000;
/** Sums of decimal fractions are off by less than this. */
const ROUNDING_USD = 1e-12;
/** Expected of the first check of a provider, later the last one says: one word, what a vendor lays around it, one token. */
const FIRST_USAGE: LlmUsage = { inputTokens: 16, outputTokens: 1, totalTokens: 17 };

interface Slot {
  readonly from: number;
  count: number;
  costUsd: number;
}

/** Corrects a booking; without `usage` nobody counted, and what was expected stays. */
export type SettleCheck = (usage?: LlmUsage) => void;

/**
 * Holds what all checks together cost within any 24 hours. A check is booked with what it is expected to cost before it is
 * sent and settled afterwards, so checks that run side by side do not exceed the cap together. Time is read, never scheduled.
 */
export class CheckBudget {
  private readonly slots = new Map<string, readonly Slot[]>();
  private readonly lastUsage = new Map<string, LlmUsage>();

  constructor(
    private maxCostPerDay: number,
    /** Of the model that is asked, by provider; one that is missing here costs nobody knows what. */
    private costs: ReadonlyMap<string, LlmCost>,
    private readonly clock: Clock,
  ) {}

  /** What was spent stays. */
  reconfigure(maxCostPerDay: number, costs: ReadonlyMap<string, LlmCost>): void {
    [this.maxCostPerDay, this.costs] = [maxCostPerDay, costs];
  }

  /** @returns `undefined` when the check must not be sent */
  book(provider: string): SettleCheck | undefined {
    const cost = this.costs.get(provider);
    const expectedUsd = costOf(this.lastUsage.get(provider) ?? FIRST_USAGE, cost) ?? 0;
    if (!this.hasRoom(expectedUsd, cost !== undefined)) return undefined;
    const slot = this.currentSlot(provider);
    slot.count++;
    slot.costUsd += expectedUsd;
    return (usage) => {
      if (usage === undefined) return;
      slot.costUsd += (costOf(usage, cost) ?? 0) - expectedUsd;
      if (usage.totalTokens > 0) this.lastUsage.set(provider, usage);
    };
  }

  spentOn(provider: string): LlmPaidChecks {
    const slots = this.recent(provider);
    const count = slots.reduce((sum, slot) => sum + slot.count, 0);
    return { count, ...(this.costs.has(provider) && { costUsd: sumOf(slots) }) };
  }

  /** What nobody knows the price of cannot be held back by it, but "pay for nothing" (0) means it too. */
  private hasRoom(expectedUsd: number, isKnown: boolean): boolean {
    if (!isKnown) return this.maxCostPerDay > 0;
    if (expectedUsd === 0) return true;
    const spentUsd = [...this.slots.keys()].reduce((sum, provider) => sum + sumOf(this.recent(provider)), 0);
    return spentUsd + expectedUsd <= this.maxCostPerDay + ROUNDING_USD;
  }

  private currentSlot(provider: string): Slot {
    const slots = this.recent(provider);
    const now = this.clock.now();
    const last = slots.at(-1);
    if (last !== undefined && now - last.from < SLOT_MS) return last;
    const slot = { from: now, count: 0, costUsd: 0 };
    this.slots.set(provider, [...slots, slot]);
    return slot;
  }

  /** A slot is forgotten when all of it is a day old: late by its length at most, never early. */
  private recent(provider: string): readonly Slot[] {
    const now = this.clock.now();
    const slots = (this.slots.get(provider) ?? []).filter(({ from }) => now - from < DAY_MS + SLOT_MS);
    this.slots.set(provider, slots);
    return slots;
  }
}

function sumOf(slots: readonly Slot[]): number {
  return slots.reduce((sum, slot) => sum + slot.costUsd, 0);
}

/** Of the models that are asked when a provider is checked. */
export function costsOf(targets: readonly LlmTarget[], checked: readonly LlmProvider[]): ReadonlyMap<string, LlmCost> {
  const asked = targets.filter(({ provider }) => checked.includes(provider));
  return new Map(asked.flatMap(({ options: { name, cost } }) => (cost === undefined ? [] : [[name, cost] as const])));
}
