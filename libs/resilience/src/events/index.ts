export { EventEmitterSink } from './event-emitter.sink.js';
export { OnResilienceEvent, type OnResilienceEventOptions } from './on-resilience-event.decorator.js';
export type { ResilienceEventMap, ResilienceEventName } from './resilience-event.map.js';
