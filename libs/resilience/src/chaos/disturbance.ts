import { type Duration, parseDuration } from '../engine/duration.js';
import * as option from '../engine/option/index.js';

/** What an attempt meets. Durations in milliseconds. */
export type Disturbance =
  | { readonly kind: 'fault' | 'result'; readonly make: () => unknown }
  | { readonly kind: 'latency'; readonly min: number; readonly max: number };

export type DisturbanceKind = Disturbance['kind'];

export const DISTURBANCE_KINDS = ['fault', 'latency', 'result'] as const satisfies readonly DisturbanceKind[];

const makers = option.fn<() => unknown>();

export const fault = option.custom<Error | (() => Error), Disturbance>((value, at) => {
  if (value instanceof Error) return { kind: 'fault', make: () => value };
  if (typeof value !== 'function' || isErrorClass(value))
    return at.refuse(value, "an Error, or a function that makes one such as () => new Error('down')");
  const make = makers.read(value, at);
  return make && { kind: 'fault', make };
});

export const latency = option.custom<Duration | readonly [min: Duration, max: Duration], Disturbance>((value, at) => {
  const bounds: readonly unknown[] = Array.isArray(value) ? (value as unknown[]) : [value, value];
  const [min = NaN, max = NaN] = bounds.map(parseDuration);
  if (bounds.length === 2 && min >= 0 && max >= min && max < Infinity) return { kind: 'latency', min, max };
  return at.refuse(value, "a duration >= 0 such as 500 (milliseconds) or '30s', or [min, max]");
});

export const result = option.custom<unknown, Disturbance>((value) => ({
  kind: 'result',
  make: typeof value === 'function' ? (value as () => unknown) : () => value,
}));

/** Written without `() => new`, a class would fail with a TypeError about `new` instead of its own error. */
function isErrorClass(value: { readonly prototype?: unknown }): boolean {
  return value === Error || value.prototype instanceof Error;
}
