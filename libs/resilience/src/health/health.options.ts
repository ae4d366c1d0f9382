import * as option from '../engine/option/index.js';
import type { CircuitsHealthOptions } from './circuits.health.js';
import { DEAD_LETTER_HEALTH } from './dead-letter.health.js';
import { EVENT_LOOP_HEALTH } from './event-loop.health.js';

const CIRCUITS = option.custom<CircuitsHealthOptions, CircuitsHealthOptions>((value) => value ?? {}, { fallback: {} });

const OPTIONS = option.options({
  /**
   * Path of the probes: `<path>/live`, `/ready`, `/startup`. `false`: no routes, only the registry.
   * @default 'health'
   */
  path: option.textOrFalse('health'),
  /**
   * Check `circuits`, every 5 s, not critical unless circuits are listed as critical.
   * @default true
   */
  circuits: option.switchOf(CIRCUITS, true),
  /**
   * Check `dead-letters`, every 30 s, not critical. Needs a dead letter store.
   * @default false
   */
  deadLetters: option.switchOf(DEAD_LETTER_HEALTH, false),
  /**
   * Check `event-loop`, every 5 s, critical.
   * @default true
   */
  eventLoop: option.switchOf(EVENT_LOOP_HEALTH, true),
  /**
   * Check `chaos`, every 5 s, not critical: degraded while a policy disturbs calls on purpose.
   * @default true
   */
  chaos: option.flag(true),
  /**
   * Check `store`, every 30 s and at once when one fails, not critical: whether the stores answer. Critical only
   * once the file of a store was deleted or replaced under the process. Needs a dead letter store.
   * @default false
   */
  store: option.flag(false),
  /**
   * How long the process goes on serving after SIGTERM made it not ready, so that load balancers notice.
   * @default 0
   */
  shutdownDelay: option.duration(0),
  /** Whether other modules see it without importing it. @default true */
  isGlobal: option.flag(true),
});

export interface HealthModuleOptions extends option.OptionsOf<typeof OPTIONS.spec> {}

export const DEFAULT_HEALTH_MODULE_OPTIONS = OPTIONS.default;

/** Durations in milliseconds; a check that is `undefined` is not wanted. */
export type HealthModuleSettings = option.ResolvedOf<typeof OPTIONS.spec>;

/** @throws ResilienceOptionsError naming every option that cannot work. */
export const readHealthModuleOptions = (options?: HealthModuleOptions): HealthModuleSettings =>
  option.read(OPTIONS, options, 'HealthModule');
