import * as option from '../engine/option/index.js';

/** Last argument of every fallback, after the original ones. */
export interface FallbackContext {
  /** What the protected method failed with, after all retries. */
  readonly error: unknown;
  /** Attempts made, from 1. */
  readonly attempts: number;
  /** Of this fallback, from 1. */
  readonly level: number;
  /** The original error, then what each fallback before this one threw. */
  readonly errors: readonly unknown[];
}

/** A method of the same class by name, a function, or a constant. */
export type FallbackTarget = string | FallbackFunction | { readonly value: unknown };
/**
 * Takes the original arguments, then a {@link FallbackContext}. Written as a method, whose parameters may be narrower than `unknown`:
 * a function names the types of those it takes, and one that names none can do nothing wrong with them.
 */
export type FallbackFunction = { answer(...argsAndContext: unknown[]): unknown }['answer'];

const TARGETS = 'a method name of the same class, a function, { value }, or { use, on?, onResult?, priority? }';

const TARGET = 'a method name, a function or { value }';

const ENTRY_OPTIONS = option.options({
  use: option.required(
    option.custom<FallbackTarget, FallbackTarget>((value, at) => (isTarget(value) ? value : at.refuse(value, TARGET))),
    TARGET,
  ),
  /** Only for these errors. @default any */
  on: option.errors(),
  onResult: option.judge(),
  /** Lower first; equal ones in written order. @default 0 */
  priority: option.number(0),
});

export interface FallbackEntry extends option.OptionsOf<typeof ENTRY_OPTIONS.spec> {
  /**
   * A returned value that stands for a failure, after all retries; errors are still those of `on`. Its parameter may be narrower than
   * `unknown`: name its type.
   */
  readonly onResult?: { judge(result: unknown): boolean }['judge'];
}

export type FallbackOptions = FallbackTarget | FallbackEntry | readonly (FallbackTarget | FallbackEntry)[];

export const DEFAULT_FALLBACK_ENTRY = ENTRY_OPTIONS.default;

const ENTRY = option.map(ENTRY_OPTIONS, ({ use, ...rest }) => ({ target: use, ...rest }));

/** In the order they are tried. */
export type ResolvedFallbackOptions = readonly option.OutOf<typeof ENTRY>[];

export const FALLBACK = option.custom<FallbackOptions, ResolvedFallbackOptions, readonly []>(
  (input, at) => {
    if (!Array.isArray(input)) return readEntry(input, at);
    if (input.length === 0) return at.refuse(input, `at least one fallback: ${TARGETS}`);
    const entries = input.flatMap((item, index) => readEntry(item, at.at(`[${index}]`)));
    return entries.sort((a, b) => a.priority - b.priority);
  },
  { fallback: [], default: [] },
);

export const readFallbackOptions = option.readerOf(FALLBACK);

function readEntry(item: unknown, at: option.Place): ResolvedFallbackOptions {
  if (isTarget(item)) return [{ ...ENTRY.fallback, target: item }];
  const isEntry = typeof item === 'object' && item !== null && 'use' in item;
  const entry = isEntry ? ENTRY.read(item, at) : at.refuse(item, TARGETS);
  return entry ? [entry] : [];
}

function isTarget(value: unknown): value is FallbackTarget {
  if (typeof value === 'function' || option.isText(value)) return true;
  return (
    typeof value === 'object' && value !== null && Object.keys(value).length === 1 && Object.hasOwn(value, 'value')
  );
}
