import type { LlmResult, LlmTry } from './llm.result.js';

/** What one target did since the start of the process. */
export interface LlmTargetMetrics {
  /** Calls it answered. */
  readonly served: number;
  /** Requests sent to it. */
  readonly requests: number;
  readonly failed: number;
  /** Answers that could not be used. */
  readonly invalid: number;
  /** Times its circuit or its limits let nothing through. */
  readonly notSent: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** US dollars; absent when the price is not known. */
  readonly costUsd?: number;
}

/** Shape of `LlmService.metrics()`. */
export interface LlmMetricsSnapshot {
  readonly calls: number;
  readonly completed: number;
  readonly failed: number;
  /** Answered by text processing, without a model. */
  readonly degraded: number;
  readonly heals: number;
  readonly retries: number;
  /** Answered calls by fallback level; index 0 is the first choice. */
  readonly byFallbackLevel: readonly number[];
  /** By `provider:model`. */
  readonly targets: Readonly<Record<string, LlmTargetMetrics>>;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** US dollars, of what has a price; absent when nothing of it has one. */
  readonly costUsd?: number;
  /** The part of `costUsd` spent on answers that nobody could use. */
  readonly wastedCostUsd?: number;
  /** Answers of which nobody knows the price: they are in none of the sums. */
  readonly unpriced: number;
}

type Counters<T> = { -readonly [K in keyof T]: number };

/** Counts calls, tokens and money in memory. */
export class LlmMetrics {
  private readonly targets = new Map<string, Counters<LlmTargetMetrics>>();
  private readonly byFallbackLevel: number[] = [];
  private readonly totals = { completed: 0, failed: 0, degraded: 0, heals: 0, retries: 0 };
  private wastedCostUsd = 0;
  private unpriced = 0;

  tried(entry: LlmTry): void {
    const target = this.of(entry);
    if (entry.attempt === 0) target.notSent++;
    else target.requests++;
    if (entry.outcome === 'failed') target.failed++;
    if (entry.outcome === 'invalid') target.invalid++;
    target.inputTokens += entry.usage?.inputTokens ?? 0;
    target.outputTokens += entry.usage?.outputTokens ?? 0;
    if (entry.usage === undefined) return;
    if (entry.costUsd === undefined) {
      this.unpriced++;
      return;
    }
    target.costUsd = (target.costUsd ?? 0) + entry.costUsd;
    if (entry.outcome !== 'ok') this.wastedCostUsd += entry.costUsd;
  }

  completed(result: LlmResult<unknown>): void {
    this.totals.completed++;
    this.totals.heals += result.heals;
    this.totals.retries += result.retries;
    if (result.degraded) this.totals.degraded++;
    this.of(result).served++;
    while (this.byFallbackLevel.length <= result.fallbackLevel) this.byFallbackLevel.push(0);
    this.byFallbackLevel[result.fallbackLevel] = (this.byFallbackLevel[result.fallbackLevel] ?? 0) + 1;
  }

  failed(): void {
    this.totals.failed++;
  }

  snapshot(): LlmMetricsSnapshot {
    const all = [...this.targets.values()];
    const sum = (key: keyof LlmTargetMetrics) => all.reduce((total, target) => total + (target[key] ?? 0), 0);
    const isPriced = this.unpriced === 0 || all.some(({ costUsd }) => costUsd !== undefined);
    return {
      calls: this.totals.completed + this.totals.failed,
      ...this.totals,
      byFallbackLevel: [...this.byFallbackLevel],
      targets: Object.fromEntries([...this.targets].map(([name, counters]) => [name, { ...counters }])),
      inputTokens: sum('inputTokens'),
      outputTokens: sum('outputTokens'),
      ...(isPriced && { costUsd: sum('costUsd'), wastedCostUsd: this.wastedCostUsd }),
      unpriced: this.unpriced,
    };
  }

  private of({ provider, model }: { readonly provider: string; readonly model: string }): Counters<LlmTargetMetrics> {
    const name = `${provider}:${model}`;
    let counters = this.targets.get(name);
    if (counters === undefined) {
      counters = {
        served: 0,
        requests: 0,
        failed: 0,
        invalid: 0,
        notSent: 0,
        inputTokens: 0,
        outputTokens: 0,
      };
      this.targets.set(name, counters);
    }
    return counters;
  }
}
