// TEMPORARY until nest/ exists.
export const RESILIENCE_CLOCK = Symbol('resilience.clock');
export const RESILIENCE_EVENTS = Symbol('resilience.events');
export const RESILIENCE_RANDOM = Symbol('resilience.random');
export abstract class ResilienceService {}
