import type { DisturbanceKind } from './disturbance.js';

export interface ChaosInjectedEvent {
  readonly policy: string;
  readonly kind: DisturbanceKind;
}

export interface ChaosEvents {
  'resilience.chaos.injected': ChaosInjectedEvent;
}
