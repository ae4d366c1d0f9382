export { Timeout } from './timeout.decorator.js';
export { TimeoutError } from './timeout.errors.js';
export type { TimeoutEvents, TimeoutExceededEvent } from './timeout.events.js';
export { DEFAULT_TIMEOUT_OPTIONS, type TimeoutOptions } from './timeout.options.js';
