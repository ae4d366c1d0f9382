export { Bulkhead } from './bulkhead.decorator.js';
export { BulkheadFullError, type BulkheadRefusal } from './bulkhead.errors.js';
export type { BulkheadEvents, BulkheadRejectedEvent } from './bulkhead.events.js';
export { type AdaptiveOptions, type BulkheadOptions, DEFAULT_BULKHEAD_OPTIONS } from './bulkhead.options.js';
export type { BulkheadReading, BulkheadSnapshot } from './bulkhead.policy.js';
