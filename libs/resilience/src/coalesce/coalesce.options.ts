import type { KeyFunction } from '../engine/argument-key.js';
import { OptionsReader } from '../engine/options.js';

/**
 * Options of `@Coalesce`.
 * @typeParam A what `key` takes
 */
export interface CoalesceOptions<A extends readonly unknown[] = never[]> {
  /**
   * Calls with one key share one running call. `undefined` lets the call run alone.
   * @default made of the arguments: JSON-like values, dates, bigints; calls with anything else run alone
   */
  readonly key?: (...args: A) => string | undefined;
}

export interface ResolvedCoalesceOptions {
  readonly key: KeyFunction | undefined;
}

export function readCoalesceOptions(input: CoalesceOptions | undefined, path: string): ResolvedCoalesceOptions {
  const reader = new OptionsReader<CoalesceOptions>(input, path, ['key']);
  const resolved: ResolvedCoalesceOptions = { key: reader.function<KeyFunction>('key') };
  reader.finish();
  return resolved;
}
