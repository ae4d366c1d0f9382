import { countLevel, DurationHistogram } from '@nest-resilience/core/kit';
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

interface Identity {
  readonly provider: string;
  readonly model: string;
}

/** Tries of one target that ended alike. */
export interface TryCount {
  readonly stream: boolean;
  readonly outcome: LlmTry['outcome'];
  readonly reason: string;
  count: number;
}

/** What is counted of one target. */
export class TargetCounts {
  /** Of tries, sent or not. */
  readonly tries = new Map<string, TryCount>();
  /** Parts of input and output come after them. */
  readonly tokens = { input: 0, output: 0, cached_input: 0, cache_write: 0, reasoning: 0 };
  /** Calls that it answered, by its place in their chain. */
  readonly served: number[] = [];
  /** Of streams: from the request to the first part of the answer. */
  readonly firstToken = new DurationHistogram();
  heals = 0;
  /** `undefined` until something had a price. */
  costUsd: number | undefined;
  wastedCostUsd = 0;
  unpriced = 0;

  constructor(readonly labels: Readonly<Record<'provider' | 'model', string>>) {}

  tried({ outcome, reason: why, stream = false, usage, costUsd, firstTokenMs }: LlmTry): void {
    const reason = why ?? '';
    const key = `${stream} ${outcome} ${reason}`;
    const count = this.tries.get(key) ?? { stream, outcome, reason, count: 0 };
    count.count++;
    this.tries.set(key, count);
    if (firstTokenMs !== undefined) this.firstToken.record(firstTokenMs);
    if (usage === undefined) return;
    this.tokens.input += usage.inputTokens;
    this.tokens.output += usage.outputTokens;
    this.tokens.cached_input += usage.cachedInputTokens ?? 0;
    this.tokens.cache_write += usage.cacheWriteTokens ?? 0;
    this.tokens.reasoning += usage.reasoningTokens ?? 0;
    if (costUsd === undefined) {
      this.unpriced++;
      return;
    }
    this.costUsd = (this.costUsd ?? 0) + costUsd;
    if (outcome !== 'ok') this.wastedCostUsd += costUsd;
  }

  snapshot(): LlmTargetMetrics {
    const ended = (...outcomes: LlmTry['outcome'][]) =>
      sumOf([...this.tries.values()].filter(({ outcome }) => outcomes.includes(outcome)).map(({ count }) => count));
    return {
      served: sumOf(this.served),
      requests: ended('ok', 'invalid', 'failed'),
      failed: ended('failed'),
      invalid: ended('invalid'),
      notSent: ended('rejected', 'skipped'),
      inputTokens: this.tokens.input,
      outputTokens: this.tokens.output,
      ...(this.costUsd !== undefined && { costUsd: this.costUsd }),
    };
  }
}

/** Counts calls, tokens and money in memory. */
export class LlmMetrics {
  private readonly byTarget = new Map<string, TargetCounts>();
  private readonly totals = { completed: 0, failed: 0, degraded: 0, retries: 0 };

  tried(entry: LlmTry): void {
    this.of(entry).tried(entry);
  }

  healed(target: Identity): void {
    this.of(target).heals++;
  }

  completed(result: LlmResult<unknown>): void {
    this.totals.completed++;
    this.totals.retries += result.retries;
    if (result.degraded) this.totals.degraded++;
    countLevel(this.of(result).served, result.fallbackLevel + 1);
  }

  failed(): void {
    this.totals.failed++;
  }

  targets(): Iterable<TargetCounts> {
    return this.byTarget.values();
  }

  snapshot(): LlmMetricsSnapshot {
    const all = [...this.targets()];
    const sum = (of: (target: TargetCounts) => number | undefined) => sumOf(all.map((target) => of(target) ?? 0));
    const unpriced = sum((target) => target.unpriced);
    const isPriced = unpriced === 0 || all.some(({ costUsd }) => costUsd !== undefined);
    const levels = Math.max(0, ...all.map(({ served }) => served.length));
    return {
      calls: this.totals.completed + this.totals.failed,
      ...this.totals,
      heals: sum(({ heals }) => heals),
      byFallbackLevel: Array.from({ length: levels }, (_, level) => sum(({ served }) => served[level])),
      targets: Object.fromEntries([...this.byTarget].map(([name, target]) => [name, target.snapshot()])),
      inputTokens: sum(({ tokens }) => tokens.input),
      outputTokens: sum(({ tokens }) => tokens.output),
      ...(isPriced && {
        costUsd: sum(({ costUsd }) => costUsd),
        wastedCostUsd: sum(({ wastedCostUsd }) => wastedCostUsd),
      }),
      unpriced,
    };
  }

  private of({ provider, model }: Identity): TargetCounts {
    const name = `${provider}:${model}`;
    const counts = this.byTarget.get(name) ?? new TargetCounts({ provider, model });
    this.byTarget.set(name, counts);
    return counts;
  }
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
