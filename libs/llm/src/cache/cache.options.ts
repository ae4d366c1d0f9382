import { option } from '@nest-resilience/core';
import type { LlmAnswerStore } from './answer-store.js';

export const CACHE = option.options(
  {
    /** How long an answer answers equal requests. */
    ttl: option.required(option.duration(undefined, { min: 1 }), "how long an answer is kept, e.g. '10m'"),
    /** Answers kept in this process; the one that was used longest ago is forgotten beyond. @default 1000 */
    maxEntries: option.whole(1000, { min: 1 }),
    /** Where else answers are kept. Other processes find them there. */
    store: option.withMethods<LlmAnswerStore>('get', 'set'),
  },
  { shorthand: 'ttl' },
);

export interface LlmCacheOptions extends option.OptionsOf<typeof CACHE.spec> {}
