import { sharedSymbol } from './copies.js';

/** Injects the application's {@link Clock}. */
export const RESILIENCE_CLOCK = Symbol.for('nest-resilience:clock');
/** Injects the application's source of chance, a {@link Random}. */
export const RESILIENCE_RANDOM = Symbol.for('nest-resilience:random');
/** Injects the application's {@link EventSink}. */
export const RESILIENCE_EVENTS = Symbol.for('nest-resilience:events');
/** Internal: the runtime that decorated methods of an application run in. */
export const RESILIENCE_RUNTIME = sharedSymbol('runtime');
/** Internal: what was given to `forRoot`. */
export const RESILIENCE_MODULE_OPTIONS = Symbol.for('nest-resilience:module-options');
