export { Hedge } from './hedge.decorator.js';
export type { HedgeEvents, HedgeStartedEvent, HedgeWonEvent } from './hedge.events.js';
export { DEFAULT_HEDGE_OPTIONS, type HedgeOptions } from './hedge.options.js';
