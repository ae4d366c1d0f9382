import type { Clock } from '@nest-resilience/core';
import { RecentMap } from '@nest-resilience/core/kit';

/** Where answers are kept, e.g. a Redis: `get: (key) => redis.get(key)`, `set: (key, answer, ttlMs) => redis.set(key, answer, 'PX', ttlMs)`. */
export interface LlmAnswerStore {
  /** What was set under the key and is not too old; null or undefined when there is nothing. */
  get(key: string): string | null | undefined | Promise<string | null | undefined>;
  set(key: string, answer: string, ttlMs: number): unknown;
}

/** In this process: beyond its size the answer that was used longest ago is forgotten. */
export class MemoryAnswerStore implements LlmAnswerStore {
  private readonly answers: RecentMap<{ readonly answer: string; readonly until: number }>;

  constructor(
    maxEntries: number,
    private readonly clock: Clock,
  ) {
    this.answers = new RecentMap(maxEntries);
  }

  get(key: string): string | undefined {
    const found = this.answers.use(key);
    return found !== undefined && this.clock.now() < found.until ? found.answer : undefined;
  }

  set(key: string, answer: string, ttlMs: number): void {
    this.answers.set(key, { answer, until: this.clock.now() + ttlMs });
  }
}
