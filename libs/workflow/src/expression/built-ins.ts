import { canonicalJson } from '../graph/version.js';
import { DEFAULT_EXPRESSION_LIMITS } from './expression.limits.js';

/** What JSONata binds `this` to. */
interface Focus {
  createSequence(): unknown[];
}

interface BuiltIn {
  readonly run: (this: Focus, ...args: never[]) => unknown;
  /** JSONata's own, where its checks of the arguments are wanted. */
  readonly signature?: string;
}

/** In place of JSONata's own functions: these do the same in linear time, or not at all. */
export const BUILT_INS: Readonly<Record<string, BuiltIn>> = {
  /** It would run text that came in as data. */
  eval: { run: () => refuse('$eval is not available in workflows') },
  /** It can ask for gigabytes in one call that no guard interrupts. */
  pad: { run: pad },
  /** The library's own compares each with each. */
  distinct: { run: distinct },
  /** The library's own copies what is left of the list for each item. */
  sort: { run: sort, signature: '<af?:a>' },
  /** The library's own copies what it has so far for each item. */
  spread: { run: spread, signature: '<x-:a<o>>' },
};

function pad(text: unknown, width: unknown, filler: unknown = ' '): string | undefined {
  if (typeof text !== 'string' || typeof width !== 'number') return undefined;
  if (Math.abs(width) > DEFAULT_EXPRESSION_LIMITS.sequence) refuse(`$pad to ${width} characters is too wide`);
  const fill = typeof filler === 'string' && filler ? filler : ' ';
  return width < 0 ? text.padStart(-width, fill) : text.padEnd(width, fill);
}

function distinct(items: unknown): unknown {
  if (!Array.isArray(items)) return items;
  const seen = new Map<unknown, unknown>();
  for (const item of items as unknown[]) {
    const key = typeof item === 'object' && item !== null ? `json:${canonicalJson(item)}` : item;
    if (!seen.has(key)) seen.set(key, item);
  }
  return [...seen.values()];
}

type Comparator = (a: unknown, b: unknown) => unknown;

/** A stable merge sort that asks the same questions in the same order as the library's. */
async function sort(list: readonly unknown[] | undefined, swap?: Comparator): Promise<unknown> {
  if (list === undefined || list.length <= 1) return list;
  if (swap) return mergeSort(list, swap);
  if (!list.every((item) => typeof item === 'string') && !list.every((item) => Number.isFinite(item)))
    throw jsonataError('D3070');
  return [...list].sort((a, b) => (a === b ? 0 : (a as string) > (b as string) ? 1 : -1));
}

async function mergeSort(list: readonly unknown[], swap: Comparator): Promise<unknown[]> {
  if (list.length <= 1) return [...list];
  const middle = Math.floor(list.length / 2);
  const left = await mergeSort(list.slice(0, middle), swap);
  const right = await mergeSort(list.slice(middle), swap);
  const merged: unknown[] = [];
  let l = 0;
  let r = 0;
  while (l < left.length && r < right.length) merged.push((await swap(left[l], right[r])) ? right[r++] : left[l++]);
  while (l < left.length) merged.push(left[l++]);
  while (r < right.length) merged.push(right[r++]);
  return merged;
}

function spread(this: Focus, value: unknown): unknown {
  if (Array.isArray(value)) {
    let all: unknown[] | undefined;
    for (const item of value as unknown[]) {
      const parts = spread.call(this, item);
      if (parts === undefined) continue;
      all ??= [];
      for (const part of Array.isArray(parts) ? (parts as unknown[]) : [parts]) all.push(part);
      if (all.length > DEFAULT_EXPRESSION_LIMITS.sequence) throw jsonataError('D2015', all.length);
    }
    return all ?? this.createSequence();
  }
  if (typeof value !== 'object' || value === null || '_jsonata_lambda' in value) return value;
  const parts = this.createSequence();
  for (const [key, part] of Object.entries(value)) {
    const single = Object.create(null) as Record<string, unknown>;
    single[key] = part;
    parts.push(single);
  }
  return parts;
}

/** One whose text the library fills in. */
function jsonataError(code: string, value?: unknown): Error {
  return Object.assign(new Error(code), { code, value });
}

function refuse(reason: string): never {
  throw new Error(reason);
}
