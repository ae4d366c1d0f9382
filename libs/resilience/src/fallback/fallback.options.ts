import type { Matcher } from '../engine/matcher.js';
import { OptionsReader } from '../engine/options.js';

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

export interface FallbackEntry {
  readonly use: FallbackTarget;
  /** Only for these errors. @default any */
  readonly on?: Matcher;
  /** Lower first; equal ones in written order. @default 0 */
  readonly priority?: number;
}

export type FallbackOptions = FallbackTarget | readonly (FallbackTarget | FallbackEntry)[];

export interface ResolvedFallbackEntry {
  readonly target: FallbackTarget;
  readonly on: Matcher | undefined;
  readonly priority: number;
}

/** In the order they are tried. */
export type ResolvedFallbackOptions = readonly ResolvedFallbackEntry[];

export const DEFAULT_FALLBACK_ENTRY = { priority: 0 } as const;

const TARGETS = 'a method name of the same class, a function, { value }, or { use, on?, priority? }';

export function readFallbackOptions(input: FallbackOptions | undefined, path: string): ResolvedFallbackOptions {
  const reader = new OptionsReader<Record<string, unknown>>({}, path, []);
  const list: readonly unknown[] = Array.isArray(input) ? (input as unknown[]) : [input];
  if (list.length === 0) reader.problem('', input, `at least one fallback: ${TARGETS}`);
  const entries = list.map((item, index) => readEntry(item, Array.isArray(input) ? `[${index}]` : '', reader));
  reader.finish();
  return entries.filter((entry) => entry !== undefined).sort((a, b) => a.priority - b.priority);
}

function readEntry(
  item: unknown,
  name: string,
  reader: OptionsReader<Record<string, unknown>>,
): ResolvedFallbackEntry | undefined {
  if (isTarget(item)) return { target: item, on: undefined, priority: DEFAULT_FALLBACK_ENTRY.priority };
  if (typeof item !== 'object' || item === null || !('use' in item)) {
    reader.problem(name, item, TARGETS);
    return undefined;
  }
  const path = name ? `${reader.path} > ${name}` : reader.path;
  const nested = new OptionsReader<FallbackEntry>(item as FallbackEntry, path, ['use', 'on', 'priority']);
  if (!isTarget(item.use)) nested.problem('use', item.use, 'a method name, a function or { value }');
  const entry = {
    target: item.use as FallbackTarget,
    on: nested.matcher('on'),
    priority: nested.number('priority', DEFAULT_FALLBACK_ENTRY.priority, {}),
  };
  reader.absorb(nested);
  return entry;
}

function isTarget(value: unknown): value is FallbackTarget {
  if (typeof value === 'function' || (typeof value === 'string' && value.length > 0)) return true;
  return (
    typeof value === 'object' && value !== null && Object.keys(value).length === 1 && Object.hasOwn(value, 'value')
  );
}
