export { Chaos } from './chaos.decorator.js';
export type { ChaosEvents, ChaosInjectedEvent } from './chaos.events.js';
export { type ChaosOptions, DEFAULT_CHAOS_OPTIONS } from './chaos.options.js';
export type { DisturbanceKind } from './disturbance.js';
