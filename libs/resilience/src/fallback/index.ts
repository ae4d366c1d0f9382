export { Fallback, type FallbackAnswer, type FallbackDecorator, type FallbackOf } from './fallback.decorator.js';
export { fallbackErrorsOf } from './fallback.errors.js';
export type { FallbackEvents, FallbackFailedEvent, FallbackUsedEvent } from './fallback.events.js';
export type {
  FallbackContext,
  FallbackEntry,
  FallbackFunction,
  FallbackOptions,
  FallbackTarget,
} from './fallback.options.js';
