import type { Clock } from '@nest-resilience/core';
import type { LlmTry } from '../llm.result.js';

const MINUTE_MS = 60_000;

/** How far back figures are told. */
export const SPANS = { '5m': 5, '1h': 60, '24h': 1440 } as const;

export type Span = keyof typeof SPANS;

/** What a target did within a time, and cost. */
export interface RecentFigures {
  /** Answers that were taken. */
  readonly served: number;
  /** Requests that failed, or brought nothing usable. */
  readonly failed: number;
  readonly tokens: number;
  readonly costUsd: number;
  /** The part of `costUsd` that bought nothing. */
  readonly wastedCostUsd: number;
}

type Sums = { -readonly [K in keyof RecentFigures]: number };

const nothing = (): Sums => ({ served: 0, failed: 0, tokens: 0, costUsd: 0, wastedCostUsd: 0 });

/** Counts the tries of each target by the minute, for a day. */
export class RecentTries {
  private readonly targets = new Map<string, Map<number, Sums>>();

  constructor(private readonly clock: Clock) {}

  tried({ provider, model, attempt, outcome, usage, costUsd = 0 }: LlmTry): void {
    if (attempt === 0) return;
    const sums = this.minute(`${provider}:${model}`);
    if (outcome === 'ok') sums.served++;
    else sums.failed++;
    sums.tokens += usage?.totalTokens ?? 0;
    sums.costUsd += costUsd;
    if (outcome !== 'ok') sums.wastedCostUsd += costUsd;
  }

  /** @param target `provider:model` */
  of(target: string): Readonly<Record<Span, RecentFigures>> {
    const now = this.now();
    const minutes = [...(this.targets.get(target) ?? [])];
    const within = (span: number): RecentFigures => {
      const all = nothing();
      for (const [minute, sums] of minutes) {
        if (now - minute >= span) continue;
        for (const key of Object.keys(all) as (keyof Sums)[]) all[key] += sums[key];
      }
      return all;
    };
    return { '5m': within(SPANS['5m']), '1h': within(SPANS['1h']), '24h': within(SPANS['24h']) };
  }

  private minute(target: string): Sums {
    const now = this.now();
    let minutes: Map<number, Sums> | undefined = this.targets.get(target);
    if (minutes === undefined) this.targets.set(target, (minutes = new Map<number, Sums>()));
    const known = minutes.get(now);
    if (known !== undefined) return known;
    // In the order in which they came: the first are the oldest.
    for (const minute of minutes.keys()) {
      if (now - minute < SPANS['24h']) break;
      minutes.delete(minute);
    }
    const sums = nothing();
    minutes.set(now, sums);
    return sums;
  }

  private now(): number {
    return Math.floor(this.clock.now() / MINUTE_MS);
  }
}
