import { parseDuration } from '../engine/duration.js';
import type { OptionsReader } from '../engine/options.js';
import type { ChaosOptions } from './chaos.options.js';

export type DisturbanceKind = 'fault' | 'latency' | 'result';

/** What an attempt meets. Durations in milliseconds. */
export type Disturbance =
  | { readonly kind: 'fault' | 'result'; readonly make: () => unknown }
  | { readonly kind: 'latency'; readonly min: number; readonly max: number };

const KINDS = ['fault', 'latency', 'result'] as const satisfies readonly DisturbanceKind[];

/** What a policy with bad options would do: never used, its problems are thrown. */
const NONE: Disturbance = { kind: 'latency', min: 0, max: 0 };

export function readDisturbance(reader: OptionsReader<ChaosOptions>, input: object): Disturbance {
  let given: readonly DisturbanceKind[] = KINDS.filter((kind) => reader.raw(kind) !== undefined);
  if (given.length === 0 && 'result' in input) given = ['result'];
  const [kind] = given;
  if (given.length !== 1) reader.problem('', input, 'exactly one of fault, latency and result');
  if (kind === 'latency') return readLatency(reader);
  if (kind === 'fault') return readFault(reader);
  const result = reader.raw('result');
  return { kind: 'result', make: typeof result === 'function' ? (result as () => unknown) : () => result };
}

function readFault(reader: OptionsReader<ChaosOptions>): Disturbance {
  const fault = reader.raw('fault');
  if (fault instanceof Error) return { kind: 'fault', make: () => fault };
  if (typeof fault === 'function' && !isErrorClass(fault)) {
    const make = reader.function<() => unknown>('fault');
    return make === undefined ? NONE : { kind: 'fault', make };
  }
  reader.problem('fault', fault, "an Error, or a function that makes one such as () => new Error('down')");
  return NONE;
}

/** Written without `() => new`, a class would fail with a TypeError about `new` instead of its own error. */
function isErrorClass(value: NewableFunction | (() => unknown)): boolean {
  return value === Error || (value.prototype as unknown) instanceof Error;
}

function readLatency(reader: OptionsReader<ChaosOptions>): Disturbance {
  const latency = reader.raw('latency');
  const bounds: readonly unknown[] = Array.isArray(latency) ? (latency as unknown[]) : [latency, latency];
  const [min = NaN, max = NaN] = bounds.map(parseDuration);
  if (bounds.length === 2 && min >= 0 && max >= min && max < Infinity) return { kind: 'latency', min, max };
  reader.problem('latency', latency, "a duration >= 0 such as 500 (milliseconds) or '30s', or [min, max]");
  return NONE;
}
