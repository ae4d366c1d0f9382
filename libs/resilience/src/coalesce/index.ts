export { Coalesce } from './coalesce.decorator.js';
export type { CoalesceEvents, CoalesceJoinedEvent } from './coalesce.events.js';
export type { CoalesceOptions } from './coalesce.options.js';
