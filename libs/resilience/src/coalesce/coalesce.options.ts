import * as option from '../engine/option/index.js';

export const COALESCE = option.options({ key: option.key<string | undefined>() });

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

export const readCoalesceOptions = option.readerOf(COALESCE);
