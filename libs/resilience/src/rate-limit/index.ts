export { RateLimit } from './rate-limit.decorator.js';
export { RateLimitError, type RateLimitRefusal } from './rate-limit.errors.js';
export type { RateLimitDrainedEvent, RateLimitEvents, RateLimitRejectedEvent } from './rate-limit.events.js';
export { DEFAULT_RATE_LIMIT_OPTIONS, type RateLimitOptions } from './rate-limit.options.js';
export type { RateLimitReading, RateLimitSnapshot } from './token-buckets.js';
