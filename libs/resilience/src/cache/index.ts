export { Cache } from './cache.decorator.js';
export type { CacheEvents, CacheStaleUsedEvent } from './cache.events.js';
export { type CacheOptions, DEFAULT_CACHE_OPTIONS } from './cache.options.js';
export type { CacheHandle } from './cached-results.js';
