import { OnEvent } from '@nestjs/event-emitter';
import type { ResilienceEventMap, ResilienceEventName } from './resilience-event.map.js';

/** Options of `@OnEvent`, e.g. `{ prependListener: true }`. */
export type OnResilienceEventOptions = NonNullable<Parameters<typeof OnEvent>[1]>;

/**
 * `@OnEvent` that knows the names and payloads of this library: a wrong name or a parameter of another type does not compile.
 *
 * @example
 * @OnResilienceEvent('resilience.circuit.opened')
 * page(event: ResilienceEventMap['resilience.circuit.opened']) {}
 */
export function OnResilienceEvent<N extends ResilienceEventName>(name: N, options?: OnResilienceEventOptions) {
  return <M extends (event: ResilienceEventMap[N]) => unknown>(
    target: object,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<M>,
  ): void => {
    OnEvent(name, options)(target, key, descriptor);
  };
}
