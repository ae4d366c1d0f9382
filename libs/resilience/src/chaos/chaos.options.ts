import type { Duration } from '../engine/duration.js';
import { OptionsReader } from '../engine/options.js';
import { type Disturbance, readDisturbance } from './disturbance.js';

/** Options of `@Chaos`: `rate`, and exactly one of `fault`, `latency` and `result`. */
export interface ChaosOptions {
  /** Share of attempts that are disturbed, 0 to 1. */
  readonly rate: number;
  /** Thrown instead of calling the method. A function makes a new error for each attempt. */
  readonly fault?: Error | (() => Error);
  /** Added to what the method takes; of a pair, anything between. A synchronous method cannot be made slow. */
  readonly latency?: Duration | readonly [min: Duration, max: Duration];
  /** Answered instead of calling the method; a function is called for it each time. */
  readonly result?: unknown;
  /** A function is asked for each attempt; `false` is the same as no `@Chaos` at all. @default true */
  readonly enabled?: boolean | (() => boolean);
  /** From this moment on nothing is disturbed: ISO 8601, or a Date. @default never */
  readonly until?: string | Date;
  /** What the environment variable NEST_RESILIENCE_CHAOS calls it in production. @default `Class.method` */
  readonly name?: string;
}

export const DEFAULT_CHAOS_OPTIONS = { enabled: true } as const satisfies Partial<ChaosOptions>;

export interface ResolvedChaosOptions {
  readonly rate: number;
  readonly disturbance: Disturbance;
  readonly enabled: boolean | (() => boolean);
  /** Epoch milliseconds. */
  readonly until: number | undefined;
  readonly name: string | undefined;
}

type Reader = OptionsReader<ChaosOptions>;

const KNOWN = ['rate', 'fault', 'latency', 'result', 'enabled', 'until', 'name'] as const;

export function readChaosOptions(input: ChaosOptions | undefined, path: string): ResolvedChaosOptions {
  const reader: Reader = new OptionsReader(input, path, KNOWN);
  const options = Object(input) as object;
  // Of what is no options object nothing else need be said.
  if (input !== undefined && (options !== input || Array.isArray(input))) reader.finish();
  const resolved: ResolvedChaosOptions = {
    rate: readRate(reader),
    disturbance: readDisturbance(reader, options),
    enabled: readEnabled(reader),
    until: readUntil(reader),
    name: reader.string('name', undefined),
  };
  reader.finish();
  return resolved;
}

function readRate(reader: Reader): number {
  if (reader.raw('rate') === undefined) reader.problem('rate', undefined, 'a number from 0 to 1');
  return reader.number('rate', 0, { min: 0, max: 1 });
}

function readEnabled(reader: Reader): boolean | (() => boolean) {
  const value = reader.raw('enabled');
  if (typeof value === 'boolean') return value;
  if (typeof value === 'function') return reader.function<() => boolean>('enabled') ?? DEFAULT_CHAOS_OPTIONS.enabled;
  if (value !== undefined) reader.problem('enabled', value, 'true, false or a function () => boolean');
  return DEFAULT_CHAOS_OPTIONS.enabled;
}

/** `Date.parse` alone takes nearly anything: '5' is a day in 2001. */
const ISO_DATE = /^\d{4}-\d{2}-\d{2}(T.+)?$/;

function readUntil(reader: Reader): number | undefined {
  const value = reader.raw('until');
  if (value === undefined) return undefined;
  const isoText = typeof value === 'string' && ISO_DATE.test(value) ? value : '';
  const until = value instanceof Date ? value.getTime() : Date.parse(isoText);
  if (!Number.isNaN(until)) return until;
  reader.problem('until', value, "an ISO date such as '2026-12-31' or '2026-12-31T18:00:00Z', or a valid Date");
  return undefined;
}
