import type { Duration } from '../engine/duration.js';
import { OptionsReader } from '../engine/options.js';
import type { CircuitsHealthOptions } from './circuits.health.js';
import { type DeadLetterHealthOptions, readDeadLetterHealthOptions } from './dead-letter.health.js';
import { type EventLoopHealthOptions, readEventLoopHealthOptions } from './event-loop.health.js';

export interface HealthModuleOptions {
  /**
   * Path of the probes: `<path>/live`, `/ready`, `/startup`. `false`: no routes, only the registry.
   * @default 'health'
   */
  readonly path?: string | false;
  /**
   * Check `circuits`, every 5 s, not critical unless circuits are listed as critical.
   * @default true
   */
  readonly circuits?: boolean | CircuitsHealthOptions;
  /**
   * Check `dead-letters`, every 30 s, not critical. Needs a dead letter store.
   * @default false
   */
  readonly deadLetters?: boolean | DeadLetterHealthOptions;
  /**
   * Check `event-loop`, every 5 s, critical.
   * @default true
   */
  readonly eventLoop?: boolean | EventLoopHealthOptions;
  /**
   * Check `chaos`, every 5 s, not critical: degraded while a policy disturbs calls on purpose.
   * @default true
   */
  readonly chaos?: boolean;
  /**
   * Check `store`, every 30 s and at once when one fails, not critical: whether the stores answer. Critical only
   * once the file of a store was deleted or replaced under the process. Needs a dead letter store.
   * @default false
   */
  readonly store?: boolean;
  /**
   * How long the process goes on serving after SIGTERM made it not ready, so that load balancers notice.
   * @default 0
   */
  readonly shutdownDelay?: Duration;
}

export const DEFAULT_HEALTH_MODULE_OPTIONS = {
  path: 'health',
  circuits: true,
  deadLetters: false,
  eventLoop: true,
  chaos: true,
  store: false,
  shutdownDelay: 0,
} as const;

export interface HealthModuleSettings {
  readonly path: string | false;
  /** `undefined`: this check is not wanted. */
  readonly circuits: CircuitsHealthOptions | undefined;
  readonly deadLetters: DeadLetterHealthOptions | undefined;
  readonly eventLoop: EventLoopHealthOptions | undefined;
  readonly chaos: boolean;
  readonly store: boolean;
  readonly shutdownDelayMs: number;
}

/** @throws ResilienceOptionsError naming every option that cannot work. */
export function readHealthModuleOptions(options: HealthModuleOptions | undefined): HealthModuleSettings {
  const known = ['path', 'circuits', 'deadLetters', 'eventLoop', 'chaos', 'store', 'shutdownDelay'] as const;
  const reader = new OptionsReader(options, 'HealthModule', known);
  const shutdownDelayMs = reader.duration('shutdownDelay', DEFAULT_HEALTH_MODULE_OPTIONS.shutdownDelay);
  const chaos = reader.boolean('chaos', DEFAULT_HEALTH_MODULE_OPTIONS.chaos);
  const store = reader.boolean('store', DEFAULT_HEALTH_MODULE_OPTIONS.store);
  const path = reader.raw('path') === false ? false : reader.string('path', DEFAULT_HEALTH_MODULE_OPTIONS.path);
  reader.finish();
  const merged = { ...DEFAULT_HEALTH_MODULE_OPTIONS, ...options };
  const deadLetters = switched(merged.deadLetters);
  const eventLoop = switched(merged.eventLoop);
  readDeadLetterHealthOptions(deadLetters);
  readEventLoopHealthOptions(eventLoop);
  return { path, circuits: switched(merged.circuits), deadLetters, eventLoop, chaos, store, shutdownDelayMs };
}

function switched<T extends object>(value: boolean | T | undefined): T | undefined {
  if (value === true) return {} as T;
  return value || undefined;
}
